//! Faults of certificates and keys: in which file, why, and what helps. Made by [`super::load`];
//! shown at start, on a reload and by `doctor`.

use std::fmt;
use std::path::PathBuf;

/// A file that cannot be used, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct IdentityError {
    /// The file in which the cause is.
    pub file: PathBuf,
    /// The cause.
    pub trouble: Trouble,
}

/// Causes for which a file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The text is not PEM where it should be.
    NotPem(String),
    /// No certificate in it.
    NoCertificate,
    /// A certificate that cannot be parsed; the first is 1.
    BadCertificate {
        /// Which of the file's certificates.
        place: usize,
        /// The parser's complaint.
        cause: String,
    },
    /// No private key in it.
    NoKey,
    /// A key that a passphrase protects.
    EncryptedKey,
    /// A key of a kind or a size that is not used with TLS.
    UnsupportedKey,
    /// The key belongs to another certificate than the first of this file.
    OtherCertificate {
        /// The file with the certificates.
        chain: PathBuf,
        /// Which of its certificates; the first is 1.
        place: usize,
    },
    /// The key belongs to none of the certificates of this file.
    Mismatch {
        /// The file with the certificates.
        chain: PathBuf,
    },
    /// A self-signed certificate could not be made.
    NotMade(String),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        write!(f, "{file}: ")?;
        match &self.trouble {
            Trouble::NotPem(cause) => write!(
                f,
                "not in PEM form: {cause}; convert DER with `openssl x509 -inform der` or \
                 `openssl pkey -inform der`"
            ),
            Trouble::NoCertificate => f.write_str(
                "no certificate in it; the file must hold `BEGIN CERTIFICATE`, the server's own \
                 first, then its intermediates",
            ),
            Trouble::BadCertificate { place, cause } => write!(
                f,
                "certificate {place} cannot be parsed: {cause}; have it issued or copied again"
            ),
            Trouble::NoKey => f.write_str(
                "no private key in it; the file must hold `BEGIN PRIVATE KEY`, \
                 `BEGIN EC PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`",
            ),
            Trouble::EncryptedKey => write!(
                f,
                "the private key is encrypted, and nobody is there to be asked for its \
                 passphrase; decrypt it with `openssl pkey -in {file}` and restrict who may read it"
            ),
            Trouble::UnsupportedKey => f.write_str(
                "the private key cannot be used; use ECDSA P-256 or P-384, Ed25519, or RSA of \
                 2048 bits or more",
            ),
            Trouble::OtherCertificate { chain, place } => write!(
                f,
                "the key belongs to certificate {place} of {}; that one must stand first there",
                chain.display()
            ),
            Trouble::Mismatch { chain } => write!(
                f,
                "the key does not belong to the certificate in {}; name the two that were issued \
                 together",
                chain.display()
            ),
            Trouble::NotMade(cause) => write!(
                f,
                "a self-signed certificate could not be made: {cause}; name a certificate and its key"
            ),
        }
    }
}

impl std::error::Error for IdentityError {}
