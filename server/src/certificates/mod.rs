//! The certificates that the configuration names, read from their files: what listeners with TLS show and
//! demand from then on.
//!
//! Called at start, before user and group change, and by the coordinator on each reload. All of it is good or
//! nothing comes of it, so that what is in force stays. Whether a chain and a key belong together is
//! decided in `tls::identity`; which files are meant by a path, in [`files`].

mod error;
mod files;

pub use error::TlsError;

use crate::config::{CertificateSource, ClientCertificates, Config, TlsVersion};
use crate::tls::handshake::terms::{Acceptor, ClientCertificates as Demand, Terms};
use crate::tls::identity::{Identities, Identity, Pem, client_roots};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The protocol that is offered by ALPN (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Everything about TLS that files say.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The beginning of handshakes; without tickets.
    pub(crate) acceptor: Acceptor,
    /// The certificates, the default first.
    #[cfg_attr(not(test), expect(dead_code, reason = "the status takes it up next"))]
    pub(crate) identities: Arc<Identities>,
}

/// The time of day, in seconds since 1970.
pub(crate) fn unix_secs() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Reads what the configuration names. None if no listener speaks TLS.
///
/// # Errors
///
/// Which file is at fault, why, and what helps.
pub(crate) fn load(config: &Config, unix_secs: u64) -> Result<Option<Loaded>, TlsError> {
    let tls = &config.tls;
    if config.https_listeners().next().is_none() {
        return match tls.certificates.is_empty() {
            true => Ok(None),
            false => Err(TlsError::NotShown),
        };
    }
    let mut identities = Vec::new();
    let mut keys = tls.keys.iter();
    for source in &tls.certificates {
        match source {
            CertificateSource::SelfSigned => identities.push(Identity::self_signed(unix_secs)?),
            CertificateSource::Path(path) => {
                for pair in files::pairs(path, &mut keys)? {
                    let (chain, key) = (&pair.chain, pair.key.as_ref().unwrap_or(&pair.chain));
                    identities.push(Identity::from_pem(chain.pem(), key.pem())?);
                }
            }
        }
    }
    if let Some(key) = keys.next() {
        return Err(TlsError::KeyOfNothing(key.clone()));
    }
    let identities = Identities::new(identities).ok_or(TlsError::NotShown)?;
    let identities = Arc::new(identities);
    let terms = Terms {
        identities: identities.clone(),
        protocols: vec![HTTP_1_1.to_vec()],
        client_certificates: demand(config)?,
        allows_tls12: tls.version_min == TlsVersion::Tls12,
    };
    let acceptor = terms.acceptor().map_err(|error| TlsError::Terms {
        file: tls.client_ca.clone(),
        error,
    })?;
    Ok(Some(Loaded {
        acceptor,
        identities,
    }))
}

/// The demand on clients, with the roots that their certificates must lead to.
fn demand(config: &Config) -> Result<Demand, TlsError> {
    let roots = || match &config.tls.client_ca {
        None => Ok(Vec::new()),
        Some(path) => {
            let text = files::read(path, "client_ca")?;
            let (file, text) = (path.as_path(), &text[..]);
            client_roots(Pem { file, text }).map_err(TlsError::from)
        }
    };
    Ok(
        match (config.tls.client_certificates, &config.tls.client_ca) {
            (ClientCertificates::Off, _) | (ClientCertificates::Auto, None) => Demand::NotAsked,
            (ClientCertificates::Ask, _) => Demand::Asked(roots()?),
            (ClientCertificates::Require | ClientCertificates::Auto, _) => {
                Demand::Required(roots()?)
            }
        },
    )
}

#[cfg(test)]
mod tests;
