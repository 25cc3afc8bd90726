//! How long a session lives. A resumed handshake shows no certificate, and gives new tickets: without a bound a chain of
//! sessions would have no end, and a client with it no end of its certificate (RFC 8446 section 4.6.1). So a ticket says
//! when its session ends, and the tickets of the sessions that are resumed from it say the same. Behind that end a ticket
//! is none: the client makes a full handshake, in which its certificate is looked at as ever.
//!
//! Called by the library, within the calls of [`super`] that feed it; what it knows of a session goes from one callback
//! to the other by [`super::caught`].

use super::caught::{note_end, noted_end};
use crate::tls::identity::certificate::valid_until;
use crate::tls::tickets::{TICKET_LIFETIME_SECS, TicketKeys};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ProducesTickets;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest time from a full handshake to the last that is resumed from it.
const SESSION_LIFETIME_SECS: u64 = 24 * 60 * 60;
/// Length of the end in front of a session.
const END_SIZE_BYTES: usize = 8;

/// The ticket keys, as the library asks for them.
#[derive(Debug)]
pub(super) struct Ticketer {
    keys: TicketKeys,
    clock: Arc<dyn TimeProvider>,
}

impl Ticketer {
    pub(super) fn new(keys: TicketKeys, clock: Arc<dyn TimeProvider>) -> Ticketer {
        Ticketer { keys, clock }
    }

    fn now(&self) -> Option<u64> {
        Some(self.clock.current_time()?.as_secs())
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        const { TICKET_LIFETIME_SECS as u32 }
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let now = self.now()?;
        let end = noted_end().unwrap_or(u64::MAX);
        let end = end.min(now + SESSION_LIFETIME_SECS);
        if end <= now {
            return None;
        }
        let mut session = Zeroizing::new(Vec::with_capacity(END_SIZE_BYTES + plain.len()));
        session.extend_from_slice(&end.to_be_bytes());
        session.extend_from_slice(plain);
        self.keys.seal(&session)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let session = Zeroizing::new(self.keys.open(cipher)?);
        let (end, plain) = session.split_first_chunk::<END_SIZE_BYTES>()?;
        let end = u64::from_be_bytes(*end);
        if end <= self.now()? {
            return None;
        }
        note_end(end);
        Some(plain.to_vec())
    }
}

/// The check of clients' certificates, which notes until when they are valid.
#[derive(Debug)]
pub(super) struct Verifier(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify_client_cert(end_entity, intermediates, now)?;
        let ends = [end_entity].into_iter().chain(intermediates);
        // One whose dates cannot be read is looked at in each handshake.
        let ends = ends.map(|der| valid_until(der).unwrap_or(0));
        note_end(ends.min().unwrap_or(0));
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }
}
