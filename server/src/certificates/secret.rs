//! Where the secret of session tickets comes from: a file that several hosts share, the process before this
//! one, or the system's random bytes. Used by [`super::load`]. `tls::tickets` decides what is made of the
//! secret.

use super::error::TlsError;
use super::files;
use crate::tls::tickets::{TICKET_SECRET_SIZE_BYTES, TicketSecret};
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Fewest bytes of a file: as many as the secret has.
const FILE_SIZE_BYTES_MIN: usize = TICKET_SECRET_SIZE_BYTES;
/// Most bytes of a file: what is longer was not made to be one.
const FILE_SIZE_BYTES_MAX: usize = 1024;
/// Permissions of everybody but owner and group.
const OTHERS: u32 = 0o007;

/// A secret, and whether a new process finds it by itself.
#[derive(Clone, Debug)]
pub(super) enum Secret {
    /// In a file that the configuration names.
    OfFile(Arc<TicketSecret>),
    /// Made here, or by the process before this one.
    Own(Arc<TicketSecret>),
}

impl Secret {
    /// The secret that the configuration means. Without a file one that is there already stays in use.
    pub(super) fn of(
        file: Option<&Path>,
        own: Option<Arc<TicketSecret>>,
    ) -> Result<Secret, TlsError> {
        match (file, own) {
            (Some(file), _) => read(file).map(|secret| Secret::OfFile(Arc::new(secret))),
            (None, Some(own)) => Ok(Secret::Own(own)),
            (None, None) => {
                let made = TicketSecret::random().ok_or(TlsError::NoRandomBytes)?;
                Ok(Secret::Own(Arc::new(made)))
            }
        }
    }

    pub(super) fn get(&self) -> &TicketSecret {
        match self {
            Secret::OfFile(secret) | Secret::Own(secret) => secret,
        }
    }

    /// The secret, unless it is in a file.
    pub(super) fn own(&self) -> Option<&Arc<TicketSecret>> {
        match self {
            Secret::OfFile(_) => None,
            Secret::Own(secret) => Some(secret),
        }
    }
}

/// The secret in a file: a digest of all its bytes, so that any form of random bytes will do.
fn read(file: &Path) -> Result<TicketSecret, TlsError> {
    let text = files::read(file, "tls_ticket_secret")?;
    let refused = |why: String| TlsError::BadSecret {
        file: file.to_owned(),
        why,
    };
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.mode());
    if mode & OTHERS != 0 {
        return Err(refused(format!(
            "every user can reach it (mode {:04o}), and whoever knows the secret can read resumed \
             sessions; make a new one, and take the rights of others away: chmod o-rwx",
            mode & 0o7777
        )));
    }
    let is_pem = text.starts_with(b"-----BEGIN");
    if is_pem || !(FILE_SIZE_BYTES_MIN..=FILE_SIZE_BYTES_MAX).contains(&text.len()) {
        return Err(refused(format!(
            "it holds no secret of {FILE_SIZE_BYTES_MIN} to {FILE_SIZE_BYTES_MAX} bytes; make one \
             with `openssl rand -out FILE 48`"
        )));
    }
    let digest = Zeroizing::new(<[u8; TICKET_SECRET_SIZE_BYTES]>::from(Sha256::digest(
        &*text,
    )));
    Ok(TicketSecret::new(*digest))
}
