//! Offers and demands of a listener, as the library wants it told. Made from the
//! configuration at start and on each reload; an [`Acceptor`] is immutable, and a core takes the next one
//! for the connections that come after. Early data (0-RTT) is never offered: it can be replayed.

use super::caught::{Catcher, note_choice};
use super::credential::Credential;
use super::lifetime::{Ticketer, Verifier};
use crate::tls::identity::Identities;
use crate::tls::tickets::{TicketKeys, TicketSecret};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::pki_types::CertificateDer;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// Offers and demands of a listener.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The certificates, by name.
    pub identities: Arc<Identities>,
    /// Protocols (ALPN), the preferred first; none: clients are not asked.
    pub protocols: Vec<Vec<u8>>,
    /// Certificates of clients.
    pub client_certificates: ClientCertificates,
    /// Whether TLS 1.2 is spoken, beside TLS 1.3.
    pub allows_tls12: bool,
}

/// Whether clients show certificates, and which roots those lead to.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// Nobody is asked.
    NotAsked,
    /// Clients are asked; one that shows none is served all the same.
    Asked(Vec<CertificateDer<'static>>),
    /// Clients are asked; one that shows none is refused.
    Required(Vec<CertificateDer<'static>>),
}

/// Terms that the library does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsError(String);

impl fmt::Display for TermsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TermsError {}

/// The beginning of a listener's handshakes. Cloning shares it.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    context: [u8; 32],
    tickets_due_at: Option<u64>,
}

impl Terms {
    /// The acceptor of these terms; no session is resumed before [`Acceptor::with_tickets`].
    ///
    /// # Errors
    ///
    /// A root for client certificates cannot be used, or there is none.
    pub fn acceptor(&self) -> Result<Acceptor, TermsError> {
        self.acceptor_at(Arc::new(DefaultTimeProvider))
    }

    /// As [`Terms::acceptor`], with another clock than the system's: for tests.
    ///
    /// # Errors
    ///
    /// As of [`Terms::acceptor`].
    pub fn acceptor_at(&self, clock: Arc<dyn TimeProvider>) -> Result<Acceptor, TermsError> {
        Acceptor::new(self, provider::default_provider(), clock)
    }

    /// As [`Terms::acceptor`], with some cipher suites only, by their IANA names: for tests.
    ///
    /// # Errors
    ///
    /// As of [`Terms::acceptor`], or a version is left without a suite.
    pub fn acceptor_with_suites(&self, suites: &[&str]) -> Result<Acceptor, TermsError> {
        let mut provider = provider::default_provider();
        provider.cipher_suites.retain(|suite| {
            let name = suite.suite().as_str();
            name.is_some_and(|name| suites.contains(&name))
        });
        Acceptor::new(self, provider, Arc::new(DefaultTimeProvider))
    }

    /// A digest of what is demanded of clients. Tickets are bound to it.
    fn context(&self) -> [u8; 32] {
        let (demand, roots) = match &self.client_certificates {
            ClientCertificates::NotAsked => (0, &[][..]),
            ClientCertificates::Asked(roots) => (1, &roots[..]),
            ClientCertificates::Required(roots) => (2, &roots[..]),
        };
        let mut digest = Sha256::new();
        // A ticket says when its session ends; those from before they did so are not taken for such.
        digest.update(b"with an end");
        digest.update([demand]);
        for root in roots {
            digest.update((root.len() as u64).to_be_bytes());
            digest.update(root);
        }
        digest.finalize().into()
    }
}

impl Acceptor {
    fn new(
        terms: &Terms,
        provider: CryptoProvider,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Acceptor, TermsError> {
        let provider = Arc::new(provider);
        let refused = |error: rustls::Error| TermsError(error.to_string());
        let versions: &[_] = match terms.allows_tls12 {
            true => &[&TLS13, &TLS12],
            false => &[&TLS13],
        };
        let builder = ServerConfig::builder_with_details(provider.clone(), clock)
            .with_protocol_versions(versions)
            .map_err(refused)?;
        let builder = match &terms.client_certificates {
            ClientCertificates::NotAsked => builder.with_no_client_auth(),
            ClientCertificates::Asked(roots) | ClientCertificates::Required(roots) => {
                let mut store = RootCertStore::empty();
                for (place, root) in roots.iter().enumerate() {
                    let added = store.add(root.clone());
                    added.map_err(|error| {
                        let place = place + 1;
                        TermsError(format!("client root {place} cannot be used: {error}"))
                    })?;
                }
                let mut verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
                if matches!(terms.client_certificates, ClientCertificates::Asked(_)) {
                    verifier = verifier.allow_unauthenticated();
                }
                let verifier = verifier.build();
                let verifier = verifier.map_err(|error| TermsError(error.to_string()))?;
                builder.with_client_cert_verifier(Arc::new(Verifier(verifier)))
            }
        };
        let resolver = Resolver(terms.identities.clone());
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols.clone_from(&terms.protocols);
        config.enable_secret_extraction = true;
        config.key_log = Arc::new(Catcher);
        // Sessions are resumed by tickets alone: a store would be one core's, behind a lock.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        config.send_tls13_tickets = 0;
        Ok(Acceptor {
            config: Arc::new(config),
            context: terms.context(),
            tickets_due_at: None,
        })
    }

    /// The same with tickets of this time, in seconds since 1970. To be called again at
    /// [`Acceptor::tickets_due_at`].
    pub fn with_tickets(&self, secret: &TicketSecret, unix_secs: u64) -> Acceptor {
        let keys = TicketKeys::at(unix_secs, secret, &self.context);
        let tickets_due_at = Some(keys.due_at());
        let mut config = ServerConfig::clone(&self.config);
        config.ticketer = Arc::new(Ticketer::new(keys, config.time_provider.clone()));
        config.send_tls13_tickets = 2;
        Acceptor {
            config: Arc::new(config),
            context: self.context,
            tickets_due_at,
        }
    }

    /// When the ticket keys should be replaced, in seconds since 1970; None without tickets.
    pub fn tickets_due_at(&self) -> Option<u64> {
        self.tickets_due_at
    }

    pub(super) fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("tickets_due_at", &self.tickets_due_at)
            .finish_non_exhaustive()
    }
}

/// The certificates, as the library asks for them.
#[derive(Debug)]
struct Resolver(Arc<Identities>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let usable = |credential: &Credential| credential.can_sign(schemes);
        let credential = self.0.resolve(hello.server_name(), usable);
        note_choice(hello.server_name(), credential.is_some());
        // With a certificate that the client cannot check the library finds nothing in common, and says
        // handshake_failure; without any it would say access_denied, which means something else.
        let shown = credential.unwrap_or_else(|| self.0.default_credential());
        Some(shown.0.clone())
    }
}
