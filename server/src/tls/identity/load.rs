//! Whether a chain of certificates and a key, as text of two files, are an identity that a server can
//! show. Called at start and on each reload with what was read; a bad pair is refused whole, so that the
//! one in force stays.

use super::certificate::{Described, describe};
use super::error::{IdentityError, Trouble};
use super::self_signed::{self, Purpose};
use crate::tls::handshake::credential::{Credential, CredentialError, KeyKind};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};

/// In place of a file, for a certificate that was made here.
const SELF: &str = "self";

/// Text in PEM form, and the file that it was read from, for errors.
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    /// The file.
    pub file: &'a Path,
    /// The content of the file.
    pub text: &'a [u8],
}

impl Pem<'_> {
    fn error(&self, trouble: Trouble) -> IdentityError {
        IdentityError {
            file: self.file.to_owned(),
            trouble,
        }
    }
}

/// A certificate with its chain and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    credential: Credential,
    described: Described,
    file: PathBuf,
}

impl Identity {
    /// The identity of a chain, the server's own certificate first, and a key. Both may be in the same
    /// text: each takes what it needs.
    ///
    /// # Errors
    ///
    /// Which file is at fault, why, and what helps.
    pub fn from_pem(chain: Pem<'_>, key: Pem<'_>) -> Result<Identity, IdentityError> {
        let certificates = certificates(chain)?;
        let private = private_key(key)?;
        let mut described = Vec::new();
        for (place, certificate) in certificates.iter().enumerate() {
            let place = place + 1;
            described.push(
                describe(certificate)
                    .map_err(|cause| chain.error(Trouble::BadCertificate { place, cause }))?,
            );
        }
        let credential = Credential::new(certificates, &private).map_err(|error| {
            let chain_file = || chain.file.to_owned();
            match error {
                CredentialError::UnsupportedKey => key.error(Trouble::UnsupportedKey),
                CredentialError::Certificate(cause) => {
                    chain.error(Trouble::BadCertificate { place: 1, cause })
                }
                CredentialError::OtherCertificate(place) => key.error(Trouble::OtherCertificate {
                    chain: chain_file(),
                    place: place + 1,
                }),
                CredentialError::Mismatch => key.error(Trouble::Mismatch {
                    chain: chain_file(),
                }),
            }
        })?;
        Ok(Identity {
            credential,
            described: described.swap_remove(0),
            file: chain.file.to_owned(),
        })
    }

    /// A new self-signed certificate for this machine's own names, `localhost`, `127.0.0.1` and `::1`. No
    /// client trusts it unless it is told to.
    ///
    /// # Errors
    ///
    /// The system gives no random bytes.
    pub fn self_signed(unix_secs: u64) -> Result<Identity, IdentityError> {
        Identity::made_for(Purpose::Clients, unix_secs)
    }

    /// The same for a simulation: handshakes with it have the same length each time.
    pub(crate) fn simulated(unix_secs: u64) -> Result<Identity, IdentityError> {
        Identity::made_for(Purpose::Simulation, unix_secs)
    }

    fn made_for(purpose: Purpose, unix_secs: u64) -> Result<Identity, IdentityError> {
        let file = PathBuf::from(SELF);
        let not_made = |cause: String| IdentityError {
            file: file.clone(),
            trouble: Trouble::NotMade(cause),
        };
        let (certificate, key) = self_signed::make(purpose, unix_secs).map_err(not_made)?;
        let described = describe(&certificate).map_err(not_made)?;
        let credential = Credential::new(vec![certificate], &key)
            .map_err(|error| not_made(format!("{error:?}")))?;
        Ok(Identity {
            credential,
            described,
            file,
        })
    }

    /// Host names, in lower case, wildcards as `*.example.com`.
    pub fn names(&self) -> &[Box<str>] {
        &self.described.names
    }

    /// Names and dates of the certificate.
    pub fn described(&self) -> &Described {
        &self.described
    }

    /// The kind of its key.
    pub fn kind(&self) -> KeyKind {
        self.credential.kind()
    }

    /// The file that its certificate was read from; `self` for one that was made here.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether it was made here.
    pub fn is_self_signed(&self) -> bool {
        self.file.as_os_str() == SELF
    }

    /// Chain and key, to sign with.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// The roots that certificates of clients must lead to.
///
/// # Errors
///
/// There is none, or one cannot be parsed.
pub fn client_roots(pem: Pem<'_>) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let roots = certificates(pem)?;
    for (place, root) in roots.iter().enumerate() {
        let place = place + 1;
        describe(root).map_err(|cause| pem.error(Trouble::BadCertificate { place, cause }))?;
    }
    Ok(roots)
}

fn certificates(pem: Pem<'_>) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.text).collect();
    let found = found.map_err(|error| pem.error(Trouble::NotPem(error.to_string())))?;
    match found.is_empty() {
        true => Err(pem.error(match is_der(pem.text) {
            true => Trouble::NotPem("it begins like DER".to_owned()),
            false => Trouble::NoCertificate,
        })),
        false => Ok(found),
    }
}

fn private_key(pem: Pem<'_>) -> Result<PrivateKeyDer<'static>, IdentityError> {
    PrivateKeyDer::from_pem_slice(pem.text).map_err(|error| {
        pem.error(match error {
            PemError::NoItemsFound if is_encrypted(pem.text) => Trouble::EncryptedKey,
            PemError::NoItemsFound if is_der(pem.text) => {
                Trouble::NotPem("it begins like DER".to_owned())
            }
            PemError::NoItemsFound => Trouble::NoKey,
            // The old form of encryption puts fields before the base64.
            _ if is_encrypted(pem.text) => Trouble::EncryptedKey,
            // The text of the error may quote the file, which holds a key.
            PemError::MissingSectionEnd { .. } => {
                Trouble::NotPem("a section has no end".to_owned())
            }
            PemError::IllegalSectionStart { .. } => {
                Trouble::NotPem("a section has no proper beginning".to_owned())
            }
            _ => Trouble::NotPem("base64 that cannot be decoded".to_owned()),
        })
    })
}

/// Whether the text holds a key that a passphrase protects (RFC 7468 section 11, RFC 1421).
fn is_encrypted(text: &[u8]) -> bool {
    [
        &b"BEGIN ENCRYPTED PRIVATE KEY"[..],
        b"Proc-Type: 4,ENCRYPTED",
    ]
    .iter()
    .any(|mark| text.windows(mark.len()).any(|window| window == *mark))
}

/// Whether bytes begin like a sequence in DER of more than 127 bytes.
fn is_der(text: &[u8]) -> bool {
    matches!(text, [0x30, 0x81..=0x84, ..])
}
