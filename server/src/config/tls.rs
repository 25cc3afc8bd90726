//! The options of TLS: which certificates are shown, what is asked of clients, how long a handshake may take.
//!
//! Plain data, part of [`Config`](super::Config), and how a certificate's source is written. Called by the
//! option table and by whoever builds a configuration in code. No file is opened here: `crate::certificates` does that.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::choice::{ClientCertificates, Switch, TlsVersion};
use super::error::{Error, Malformed};
use super::kind::path;

/// Where a certificate comes from.
///
/// ```
/// use ringgate::config::{CertificateSource, Config, Endpoint, ListenAddr, Tls};
///
/// let address: ListenAddr = "127.0.0.1:8443".parse()?;
/// let config = Config {
///     listen: vec![Endpoint::https(address)],
///     tls: Tls { certificates: vec![CertificateSource::SelfSigned], ..Tls::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CertificateSource {
    /// A self-signed certificate for `localhost`, `127.0.0.1` and `::1`, made at start. Written `self`.
    SelfSigned,
    /// A file in PEM form, the server's own certificate first, or a directory of such files.
    Path(PathBuf),
}

/// The word for a self-signed certificate.
const SELF: &str = "self";

impl CertificateSource {
    pub(super) fn read(item: &OsString) -> Result<CertificateSource, Malformed> {
        match item == SELF {
            true => Ok(CertificateSource::SelfSigned),
            false => path(item).map(CertificateSource::Path),
        }
    }

    pub(super) fn written(&self) -> OsString {
        match self {
            CertificateSource::SelfSigned => SELF.into(),
            CertificateSource::Path(path) => path.into(),
        }
    }
}

/// Certificates and demands of all listeners with the scheme `https`, and bounds of their handshakes.
///
/// ```
/// use ringgate::config::{CertificateSource, Config, Tls, TlsVersion};
///
/// let config = Config {
///     listen: vec!["https://0.0.0.0:443".parse()?],
///     tls: Tls {
///         certificates: vec![CertificateSource::Path("/etc/notes/tls".into())],
///         version_min: TlsVersion::Tls13,
///         ..Tls::default()
///     },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates; the first is shown to clients that ask for no name, or for one that nobody has.
    pub certificates: Vec<CertificateSource>,
    /// Private keys, each of the certificate at its place. A file without one has its key in it, or beside it.
    pub keys: Vec<PathBuf>,
    /// A file with the roots that certificates of clients must lead to.
    pub client_ca: Option<PathBuf>,
    /// Whether clients have to show a certificate.
    pub client_certificates: ClientCertificates,
    /// The oldest version that is spoken.
    pub version_min: TlsVersion,
    /// How long a handshake may take, from the accept to its end.
    pub handshake_timeout: Duration,
    /// Most handshakes in progress on a core; None for any number.
    pub max_handshakes: Option<NonZeroU32>,
    /// Handshakes that a core begins in one turn of its loop.
    pub handshakes_per_turn: u32,
    /// Whether connections with TLS go along in an upgrade, with their keys.
    pub handover: Switch,
    /// A file with the secret of session tickets, which several hosts may share; None: made at random at start.
    pub ticket_secret: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Tls {
            certificates: Vec::new(),
            keys: Vec::new(),
            client_ca: None,
            client_certificates: ClientCertificates::Auto,
            version_min: TlsVersion::Tls12,
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: NonZeroU32::new(1024),
            handshakes_per_turn: 4,
            handover: Switch::On,
            ticket_secret: None,
        }
    }
}

impl Tls {
    /// Refuses values that do not go together, whatever is in the files.
    pub(super) fn check(&self) -> Result<(), Error> {
        let (keys, certificates) = (self.keys.len(), self.certificates.len());
        if keys > certificates {
            return Err(Error::conflict(
                &["certificate_key", "certificate"],
                format!(
                    "certificate_key names {keys} keys, and certificate {certificates} certificates; \
                     each key belongs to the certificate at the same place"
                ),
            ));
        }
        let wants_ca = matches!(
            self.client_certificates,
            ClientCertificates::Ask | ClientCertificates::Require
        );
        if wants_ca && self.client_ca.is_none() {
            return Err(Error::conflict(
                &["client_certificates", "client_ca"],
                format!(
                    "client_certificates = {} needs the roots that they must lead to; name their \
                     file with client_ca",
                    self.client_certificates
                ),
            ));
        }
        Ok(())
    }
}
