//! Why certificates cannot be had as the configuration names them: one line, with the file and the cure.
//! Made by this room, shown at start and on a reload.

use crate::tls::handshake::terms::TermsError;
use crate::tls::identity::IdentityError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// See the module.
///
/// ```
/// use ringgate::{StartError, TlsError};
///
/// /// Whether a start failed for a reason that a renewal of certificates may mend.
/// fn may_pass(error: &StartError) -> bool {
///     matches!(error, StartError::Tls(TlsError::Unreadable { .. } | TlsError::NoKeyBeside(_)))
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate is named, and no listener would show it.
    NotShown,
    /// A file that an option names cannot be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The option that leads to the file.
        option: &'static str,
        /// The error of the system.
        error: io::Error,
    },
    /// A key is named for something that has its own.
    KeyOfNothing(PathBuf),
    /// A certificate without a key, in its file or beside it.
    NoKeyBeside(PathBuf),
    /// A directory without a certificate.
    EmptyDirectory(PathBuf),
    /// A file that is no secret for session tickets.
    BadSecret {
        /// The file.
        file: PathBuf,
        /// The cause and the cure.
        why: String,
    },
    /// The system gives no random bytes.
    NoRandomBytes,
    /// A pair that cannot be used.
    #[doc(hidden)]
    Identity(IdentityError),
    /// Roots for client certificates that cannot be used.
    #[doc(hidden)]
    Terms {
        /// The file with the roots.
        file: Option<PathBuf>,
        /// The error of the library.
        error: TermsError,
    },
}

impl From<IdentityError> for TlsError {
    fn from(error: IdentityError) -> TlsError {
        TlsError::Identity(error)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::NotShown => f.write_str(
                "certificate is named, but no listener speaks TLS; write https:// before an address \
                 of listen, or leave certificate out",
            ),
            TlsError::Unreadable {
                file,
                option,
                error,
            } => {
                write!(f, "{}: cannot be read: {error}; ", file.display())?;
                match error.kind() {
                    io::ErrorKind::PermissionDenied => write!(
                        f,
                        "let the user of the server read it, or name another with {option}"
                    ),
                    _ => write!(f, "name another with {option}"),
                }
            }
            TlsError::KeyOfNothing(key) => write!(
                f,
                "{}: no certificate is left for this certificate_key; a directory and self have \
                 their own keys, and take none from the list",
                key.display()
            ),
            TlsError::NoKeyBeside(chain) => write!(
                f,
                "{}: no private key in it, and none beside it; name the key with certificate_key, \
                 or put it into the same file, or beside it with the ending .key",
                chain.display()
            ),
            TlsError::EmptyDirectory(path) => write!(
                f,
                "{}: no certificate in this directory; it must hold files that end in .pem, .crt \
                 or .cer, or fullchain.pem with privkey.pem",
                path.display()
            ),
            TlsError::BadSecret { file, why } => write!(f, "{}: {why}", file.display()),
            TlsError::NoRandomBytes => {
                f.write_str("the system gives no random bytes for session tickets; try again")
            }
            TlsError::Identity(error) => error.fmt(f),
            TlsError::Terms { file, error } => {
                if let Some(file) = file {
                    write!(f, "{}: ", file.display())?;
                }
                error.fmt(f)
            }
        }
    }
}

impl std::error::Error for TlsError {}
