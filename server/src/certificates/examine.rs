//! Everything that a server would find of the certificates that a configuration names, and what its clients would
//! find: every fault, not only the first. Called by `ringgate doctor`; changes nothing.

use super::error::TlsError;
use super::expiry::{WARNED_BEFORE_SECS, date, seconds_left};
use super::files::{self, Content, Pair};
use super::secret::Secret;
use super::{Kept, demand};
use crate::config::{CertificateSource, Config};
use crate::tls::identity::Identity;
use crate::tls::identity::certificate::{Parties, parties};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use std::fmt::Display;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Roots that this machine trusts, as distributions place them: Debian and its like, then Fedora and its.
const TRUST_STORES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];
/// Everybody but owner and group may read.
const OTHERS_READ: u32 = 0o004;

/// One certificate that can be used; its fields are the JSON of `doctor` (docs/doctor.md).
#[derive(Debug, Serialize)]
pub(crate) struct Usable {
    pub(crate) file: String,
    pub(crate) names: Vec<String>,
    pub(crate) key: &'static str,
    pub(crate) chain_length: usize,
    pub(crate) not_after: String,
    pub(crate) expires_in_seconds: i64,
}

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) finding: String,
    pub(crate) cure: String,
    /// A server with this configuration does not start.
    pub(crate) is_fatal: bool,
}

/// The result of an examination.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    pub(crate) usable: Vec<Usable>,
    pub(crate) faults: Vec<Fault>,
}

impl Examination {
    /// The errors of this room name the cure behind a semicolon.
    fn refuse(&mut self, error: &dyn Display) {
        let text = error.to_string();
        let (finding, cure) = text.split_once("; ").unwrap_or((&text, "see docs/tls.md"));
        self.faults.push(Fault {
            finding: finding.to_owned(),
            cure: cure.to_owned(),
            is_fatal: true,
        });
    }

    fn advise(&mut self, finding: String, cure: &str) {
        self.faults.push(Fault {
            finding,
            cure: cure.to_owned(),
            is_fatal: false,
        });
    }
}

/// Looks at everything that the configuration says of TLS.
pub(crate) fn examine(config: &Config, unix_secs: u64) -> Examination {
    examine_with(config, unix_secs, &TRUST_STORES)
}

/// The same, on a machine whose trusted roots are in one of these files.
pub(super) fn examine_with(config: &Config, unix_secs: u64, stores: &[&str]) -> Examination {
    let mut found = Examination::default();
    let mut keys = config.tls.keys.iter();
    for source in &config.tls.certificates {
        let CertificateSource::Path(path) = source else {
            continue;
        };
        match files::pairs(path, &mut keys) {
            Ok(pairs) => {
                for pair in pairs {
                    of_pair(&mut found, &pair, unix_secs, stores);
                }
            }
            Err(error) => found.refuse(&error),
        }
    }
    let whole = [
        keys.next().map(|key| TlsError::KeyOfNothing(key.clone())),
        demand(config).err(),
        Secret::of(config.tls.ticket_secret.as_deref(), None).err(),
    ];
    for error in whole.into_iter().flatten() {
        found.refuse(&error);
    }
    // What is wrong with the whole, such as a certificate that no listener shows.
    if !found.faults.iter().any(|fault| fault.is_fatal)
        && let Err(error) = super::load(config, Kept::default(), unix_secs)
    {
        found.refuse(&error);
    }
    found
}

fn of_pair(found: &mut Examination, pair: &Pair, unix_secs: u64, stores: &[&str]) {
    let key = pair.key.as_ref().unwrap_or(&pair.chain);
    let identity = match Identity::from_pem(pair.chain.pem(), key.pem()) {
        Ok(identity) => identity,
        Err(error) => return found.refuse(&error),
    };
    let left = seconds_left(&identity, unix_secs);
    let file = identity.file().display().to_string();
    let described = identity.described();
    if left <= WARNED_BEFORE_SECS as i64 {
        let what = if left < 0 {
            "has expired"
        } else {
            "expires soon"
        };
        let end = date(described.not_after);
        found.advise(
            format!("{file}: {what} ({end})"),
            "renew it, then `ringgate ctl reload`",
        );
    }
    if described.not_before > unix_secs {
        let from = date(described.not_before);
        found.advise(
            format!("{file}: valid only from {from}"),
            "look at the clock of this machine, or wait",
        );
    }
    if identity.names().is_empty() && described.addresses.is_empty() {
        found.advise(
            format!("{file}: no host name among its alternative names, so no client takes it"),
            "have it issued with the names of the server (subjectAltName)",
        );
    }
    of_key_file(found, key);
    of_chain(found, &file, identity.credential().chain(), stores);
    found.usable.push(Usable {
        file,
        names: identity
            .names()
            .iter()
            .map(|name| name.to_string())
            .collect(),
        key: identity.kind().name(),
        chain_length: identity.credential().chain().len(),
        not_after: date(described.not_after),
        expires_in_seconds: left,
    });
}

fn of_key_file(found: &mut Examination, key: &Content) {
    let mode = std::fs::metadata(key.file()).map_or(0, |metadata| metadata.mode());
    if mode & OTHERS_READ != 0 {
        let file = key.file().display();
        found.advise(
            format!("{file}: every user of this machine can read the private key"),
            "take the right away: chmod o-rwx",
        );
    }
}

/// Each certificate is signed by the next, and the last by one that clients have (RFC 8446 section 4.4.2).
fn of_chain(
    found: &mut Examination,
    file: &str,
    chain: &[CertificateDer<'static>],
    stores: &[&str],
) {
    let parsed: Result<Vec<Parties>, String> = chain.iter().map(|one| parties(one)).collect();
    let Ok(parsed) = parsed else {
        return;
    };
    for (at, pair) in parsed.windows(2).enumerate() {
        if pair[0].issuer != pair[1].subject {
            let (this, next) = (at + 1, at + 2);
            found.advise(
                format!(
                    "{file}: certificate {this} was issued by {}, and certificate {next} is of {}",
                    pair[0].issuer, pair[1].subject
                ),
                "put the chain into its order: the server's own, its issuer, the issuer of that",
            );
            return;
        }
    }
    let Some(last) = parsed.last() else {
        return;
    };
    if last.issuer == last.subject {
        if parsed.len() > 1 {
            found.advise(
                format!("{file}: the chain ends with the root itself, which clients have anyway"),
                "leave the last certificate out",
            );
        }
        return;
    }
    if is_trusted_here(&last.issuer, stores) == Some(false) {
        found.advise(
            format!(
                "{file}: the chain ends before {}, which is none of the roots that this machine trusts",
                last.issuer
            ),
            "append the certificates of the issuers (fullchain.pem of certbot), unless the clients trust that one",
        );
    }
}

/// Whether this machine has a root of this name; None if it has no store of roots.
fn is_trusted_here(issuer: &str, stores: &[&str]) -> Option<bool> {
    let store = stores.iter().find(|store| Path::new(store).is_file())?;
    let roots = CertificateDer::pem_file_iter(store).ok()?;
    let mut names = roots.flatten().filter_map(|root| parties(&root).ok());
    Some(names.any(|root| root.subject == issuer))
}
