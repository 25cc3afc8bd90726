//! The certificates that the configuration names, read from their files: what listeners with TLS show and
//! demand from then on.
//!
//! Called at start, before user and group change, and by the coordinator on each reload. All of it is good or
//! nothing comes of it, so that what is in force stays. Whether a chain and a key belong together is
//! decided in `tls::identity`; which files are meant by a path, in [`files`].

mod error;
mod examine;
mod expiry;
mod files;
mod secret;

pub use error::TlsError;
pub(crate) use examine::{Examination, Fault, Usable, examine};
pub(crate) use expiry::{Expiry, date, seconds_left, title};

use crate::config::{CertificateSource, ClientCertificates, Config, Switch, TlsVersion};
use crate::tls::handshake::terms::{Acceptor, ClientCertificates as Demand, Terms};
use crate::tls::identity::{Identities, Identity, Pem, client_roots};
use crate::tls::tickets::{EPOCH_SECS, TicketSecret};
use expiry::WARNED_BEFORE_SECS;
use secret::Secret;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The protocols that are offered by ALPN (RFC 7301), by their names there.
const HTTP_1_1: &[u8] = b"http/1.1";
/// RFC 9113 section 3.1.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// Everything about TLS that the configuration and its files say.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The beginning of handshakes, with the ticket keys of now.
    pub(crate) acceptor: Acceptor,
    /// The certificates, the default first.
    pub(crate) identities: Arc<Identities>,
    secret: Secret,
}

impl Loaded {
    /// Puts the ticket keys of this time into the acceptor, and says whether those in it were others.
    pub(crate) fn renew_tickets(&mut self, unix_secs: u64) -> bool {
        // A clock that was set back leads to keys of earlier epochs again.
        let is_in_force = |due: u64| unix_secs < due && unix_secs + EPOCH_SECS >= due;
        if self.acceptor.tickets_due_at().is_some_and(is_in_force) {
            return false;
        }
        self.acceptor = self.acceptor.with_tickets(self.secret.get(), unix_secs);
        true
    }

    /// The secret of the tickets for the next process, unless that finds it in a file.
    pub(crate) fn own_secret(&self) -> Option<&TicketSecret> {
        self.secret.own().map(|secret| &**secret)
    }

    /// Things to keep when the files are read again.
    pub(crate) fn kept(&self) -> Kept {
        let mut all = self.identities.all().iter();
        Kept {
            secret: self.secret.own().cloned(),
            self_signed: all.find(|one| one.is_self_signed()).cloned(),
        }
    }
}

/// Things that no file has, and that outlive a reload: clients know them.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The secret of the tickets, which goes along in an upgrade too.
    secret: Option<Arc<TicketSecret>>,
    self_signed: Option<Identity>,
}

impl Kept {
    /// The secret that the process before this one passed on, if there was one.
    pub(crate) fn of_before(secret: Option<TicketSecret>) -> Kept {
        Kept {
            secret: secret.map(Arc::new),
            self_signed: None,
        }
    }

    /// The self-signed certificate of a simulation, if its listeners speak TLS: a run with the same seed is
    /// the same run.
    pub(crate) fn of_simulation(config: &Config) -> Result<Kept, TlsError> {
        Ok(Kept {
            secret: None,
            self_signed: match config.https_listeners().next() {
                Some(_) => Some(Identity::simulated(0)?),
                None => None,
            },
        })
    }

    /// The self-signed certificate that was there, or one more if that expires soon.
    fn self_signed(&self, unix_secs: u64) -> Result<Identity, TlsError> {
        let is_good = |one: &&Identity| seconds_left(one, unix_secs) > WARNED_BEFORE_SECS as i64;
        match self.self_signed.as_ref().filter(is_good) {
            Some(kept) => Ok(kept.clone()),
            None => Ok(Identity::self_signed(unix_secs)?),
        }
    }
}

/// The time of day, in seconds since 1970.
pub(crate) fn unix_secs() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Reads what the configuration names, and keeps what no file has. None if no listener speaks TLS.
///
/// # Errors
///
/// Which file is at fault, why, and what helps.
pub(crate) fn load(
    config: &Config,
    kept: Kept,
    unix_secs: u64,
) -> Result<Option<Loaded>, TlsError> {
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
            CertificateSource::SelfSigned => identities.push(kept.self_signed(unix_secs)?),
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
        protocols: protocols(config),
        client_certificates: demand(config)?,
        allows_tls12: tls.version_min == TlsVersion::Tls12,
    };
    let acceptor = terms.acceptor().map_err(|error| TlsError::Terms {
        file: tls.client_ca.clone(),
        error,
    })?;
    let secret = Secret::of(tls.ticket_secret.as_deref(), kept.secret)?;
    let mut loaded = Loaded {
        acceptor,
        identities,
        secret,
    };
    loaded.renew_tickets(unix_secs);
    Ok(Some(loaded))
}

/// The protocols that are spoken, the preferred first.
fn protocols(config: &Config) -> Vec<Vec<u8>> {
    match config.http2.serve {
        Switch::On => vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()],
        Switch::Off => vec![HTTP_1_1.to_vec()],
    }
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
