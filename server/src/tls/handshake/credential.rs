//! A certificate with its key, in the form that the library signs with. Made by [`crate::tls::identity`],
//! which knows files, names and dates.

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, SignatureAlgorithm, SignatureScheme};
use std::fmt;
use std::sync::Arc;

/// A chain of certificates, the server's own first, and the key of that one.
#[derive(Clone)]
pub struct Credential(pub(super) Arc<CertifiedKey>);

/// Kinds of keys, the cheapest signature first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyKind {
    /// An elliptic curve of NIST.
    Ecdsa,
    /// Edwards curve 25519.
    Ed25519,
    /// RSA.
    Rsa,
}

impl KeyKind {
    /// A name for a status or a log line.
    pub const fn name(self) -> &'static str {
        match self {
            KeyKind::Ecdsa => "ecdsa",
            KeyKind::Ed25519 => "ed25519",
            KeyKind::Rsa => "rsa",
        }
    }
}

/// Why a chain and a key are no credential.
#[derive(Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// The key is of a kind or a size that cannot sign.
    UnsupportedKey,
    /// The first certificate cannot be parsed.
    Certificate(String),
    /// The key is that of another certificate of the chain, at this place; the first is 0.
    OtherCertificate(usize),
    /// The key belongs to none of the certificates.
    Mismatch,
}

impl Credential {
    /// The credential of a chain, which is not empty, and a key.
    ///
    /// # Errors
    ///
    /// The two do not belong together, or one of them cannot be used.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Credential, CredentialError> {
        let key = any_supported_type(key).map_err(|_| CredentialError::UnsupportedKey)?;
        let mut certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Credential(Arc::new(certified)))
            }
            Err(Error::InconsistentKeys(_)) => {
                for place in 1..certified.cert.len() {
                    certified.cert.swap(0, place);
                    if certified.keys_match().is_ok() {
                        return Err(CredentialError::OtherCertificate(place));
                    }
                    certified.cert.swap(0, place);
                }
                Err(CredentialError::Mismatch)
            }
            Err(error) => Err(CredentialError::Certificate(error.to_string())),
        }
    }

    /// The kind of the key.
    pub fn kind(&self) -> KeyKind {
        match self.0.key.algorithm() {
            SignatureAlgorithm::ECDSA => KeyKind::Ecdsa,
            SignatureAlgorithm::ED25519 => KeyKind::Ed25519,
            _ => KeyKind::Rsa,
        }
    }

    /// The certificates, the server's own first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    /// Whether the key makes a signature of one of these schemes.
    pub(super) fn can_sign(&self, schemes: &[SignatureScheme]) -> bool {
        self.0.key.choose_scheme(schemes).is_some()
    }
}

/// Says the kind of the key and the length of the chain.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("kind", &self.kind())
            .field("certificates", &self.0.cert.len())
            .finish_non_exhaustive()
    }
}
