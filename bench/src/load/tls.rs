//! The client's side of TLS: the terms that all connections of a run share, and one connection's session.
//!
//! A slot shows a session the bytes that came and is handed the plaintext in them; requests go the other
//! way. rustls's interface without buffers does the protocol, so that bytes stay in the buffers of the
//! slot and of the thread. No sockets here, and no judgement: the slot decides in which bucket a request
//! ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, HandshakeKind, RootCertStore, SignatureScheme,
    SupportedCipherSuite, SupportedProtocolVersion,
};

use crate::load::sessions::Sessions;

/// Largest plaintext of a record (RFC 8446 section 5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;
/// More than any record adds to its plaintext: header, explicit nonce, content type and tag.
const RECORD_OVERHEAD_BYTES: usize = 64;

/// The wishes for TLS; without effect on a target that is not `https://`.
#[derive(Debug, Clone, Args)]
pub struct TlsOptions {
    /// Trust servers whose certificate leads to one in this PEM file. Without it every server is
    /// trusted, and its signature is not even checked: this is a load generator, and its own work must
    /// stay small
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Name that is asked for (SNI), and that the certificate must hold with --ca
    #[arg(long = "tls-name", default_value = "localhost", value_name = "NAME")]
    pub name: String,
    /// Cipher suites that are offered, in this order; with them the versions
    #[arg(
        long = "tls-suites",
        value_enum,
        value_delimiter = ',',
        default_value = "tls13-aes128",
        value_name = "NAMES"
    )]
    pub suites: Vec<Suite>,
    /// Key exchange that is offered
    #[arg(long = "tls-group", value_enum, default_value_t = Group::X25519)]
    pub group: Group,
    /// A new connection with a full handshake for each request; implies --mode close
    #[arg(long = "tls-full-handshakes", conflicts_with = "resume")]
    pub full_handshakes: bool,
    /// A new connection for each request, with the session of an earlier one; implies --mode close
    #[arg(long = "tls-resume")]
    pub resume: bool,
    /// Replace the keys before about one batch of requests in N, and ask the server to do the same
    /// (KeyUpdate, TLS 1.3)
    #[arg(long = "tls-key-updates", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub key_updates: Option<u32>,
}

impl Default for TlsOptions {
    /// Everybody is trusted; TLS 1.3 with AES-128-GCM and X25519.
    fn default() -> Self {
        Self {
            ca: None,
            name: "localhost".to_owned(),
            suites: vec![Suite::Tls13Aes128],
            group: Group::X25519,
            full_handshakes: false,
            resume: false,
            key_updates: None,
        }
    }
}

/// A cipher suite; those of TLS 1.2 stand for ECDHE with both ECDSA and RSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// TLS 1.3, AES-128-GCM.
    Tls13Aes128,
    /// TLS 1.3, AES-256-GCM.
    Tls13Aes256,
    /// TLS 1.3, ChaCha20-Poly1305.
    Tls13Chacha20,
    /// TLS 1.2, AES-128-GCM.
    Tls12Aes128,
    /// TLS 1.2, AES-256-GCM.
    Tls12Aes256,
    /// TLS 1.2, ChaCha20-Poly1305.
    Tls12Chacha20,
}

impl Suite {
    fn supported(self) -> Vec<SupportedCipherSuite> {
        match self {
            Self::Tls13Aes128 => vec![cipher_suite::TLS13_AES_128_GCM_SHA256],
            Self::Tls13Aes256 => vec![cipher_suite::TLS13_AES_256_GCM_SHA384],
            Self::Tls13Chacha20 => vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
            Self::Tls12Aes128 => vec![
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            ],
            Self::Tls12Aes256 => vec![
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            ],
            Self::Tls12Chacha20 => vec![
                cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            ],
        }
    }

    /// Whether the suite belongs to TLS 1.3.
    pub(super) fn is_13(self) -> bool {
        matches!(
            self,
            Self::Tls13Aes128 | Self::Tls13Aes256 | Self::Tls13Chacha20
        )
    }
}

/// A key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// X25519.
    X25519,
    /// P-256.
    P256,
    /// X25519 together with ML-KEM-768.
    X25519Mlkem768,
}

impl Group {
    fn supported(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => kx_group::X25519,
            Self::P256 => kx_group::SECP256R1,
            Self::X25519Mlkem768 => kx_group::X25519MLKEM768,
        }
    }
}

/// The configuration of TLS that all connections of a run share.
#[derive(Debug)]
pub(crate) struct Terms {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Terms {
    /// Reads the CA file, if any.
    ///
    /// # Errors
    /// A text that names the flag at fault.
    pub(crate) fn new(options: &TlsOptions) -> Result<Self, String> {
        let name = ServerName::try_from(options.name.clone())
            .map_err(|_| format!("--tls-name: `{}` is not a name", options.name))?;
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites = (options.suites.iter())
            .flat_map(|suite| suite.supported())
            .collect();
        provider.kx_groups = vec![options.group.supported()];
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::new(provider))
            .with_protocol_versions(&versions(&options.suites))
            .map_err(|error| format!("--tls-suites and --tls-group: {error}"))?;
        let mut config = match &options.ca {
            Some(file) => builder.with_root_certificates(roots(file)?),
            None => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustAll(algorithms))),
        }
        .with_no_client_auth();
        config.resumption = match options.resume {
            true => Resumption::store(Arc::new(Sessions::default())),
            false => Resumption::disabled(),
        };
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }
}

impl Terms {
    /// The same terms, with `protocol` as the only one that is offered (RFC 7301).
    pub(crate) fn with_protocol(mut self, protocol: &[u8]) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols = vec![protocol.to_vec()];
        self
    }
}

fn versions(suites: &[Suite]) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions = Vec::new();
    if suites.iter().any(|suite| suite.is_13()) {
        versions.push(&rustls::version::TLS13);
    }
    if !suites.iter().all(|suite| suite.is_13()) {
        versions.push(&rustls::version::TLS12);
    }
    versions
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("--ca {}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    match roots.is_empty() {
        true => Err(wrong(&"no certificate in it")),
        false => Ok(roots),
    }
}

/// The verifier that finds every certificate and every signature good.
#[derive(Debug)]
struct TrustAll(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// The result of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Agreed {
    /// Version, suite and key exchange as rustls names them.
    pub(crate) names: [&'static str; 3],
    pub(crate) resumed: bool,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Handshake,
    Open,
    /// The server has said that nothing more comes (close_notify).
    Notified,
}

/// One connection's TLS.
pub(crate) struct Session {
    connection: UnbufferedClientConnection,
    stage: Stage,
    /// Received bytes of a record that is not complete.
    kept: Vec<u8>,
}

impl Session {
    /// Begins a session; its first bytes are appended to `out`.
    pub(crate) fn begin(terms: &Terms, out: &mut Vec<u8>) -> Result<Self, Error> {
        let connection = UnbufferedClientConnection::new(terms.config.clone(), terms.name.clone())?;
        let mut session = Self {
            connection,
            stage: Stage::Handshake,
            kept: Vec::new(),
        };
        session.take(&mut [], out, |_| true)?;
        Ok(session)
    }

    /// Whether requests can be sealed.
    pub(crate) fn is_open(&self) -> bool {
        self.stage != Stage::Handshake
    }

    /// The protocol that the server has chosen.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// Whether the server has said that nothing more comes.
    pub(crate) fn is_notified(&self) -> bool {
        self.stage == Stage::Notified
    }

    /// Copies the bytes of an incomplete record to where they stand in front of those that are about to
    /// be read. Returns how many there are.
    pub(crate) fn restore(&mut self, scratch: &mut Vec<u8>) -> usize {
        let kept = self.kept.len();
        if scratch.len() < 2 * kept {
            scratch.resize(2 * kept, 0);
        }
        scratch[..kept].copy_from_slice(&self.kept);
        kept
    }

    /// Takes received bytes, those of [`Session::restore`] in front. Plaintext goes to `deliver` piece by piece, until it returns false; what
    /// must be said to the server is appended to `out`, also if this fails.
    pub(crate) fn take(
        &mut self,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
        mut deliver: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let mut at = 0;
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(&mut bytes[at..]);
            let mut is_over = false;
            match state {
                Err(error) => {
                    self.say_last_words(&mut bytes[at + discard..], out);
                    return Err(error);
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        if !deliver(record.payload) {
                            return Ok(());
                        }
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.stage = Stage::Notified,
                Ok(ConnectionState::WriteTraffic(_)) => {
                    if self.stage == Stage::Handshake {
                        self.stage = Stage::Open;
                    }
                    is_over = true;
                }
                // Early data is a server's affair.
                Ok(_) => is_over = true,
            }
            at += discard;
            if is_over {
                self.kept.clear();
                self.kept.extend_from_slice(&bytes[at..]);
                return Ok(());
            }
        }
    }

    /// Appends the alert, if there is one, after which the session is no more. `bytes` is what was not
    /// used up: rustls knows places in it.
    fn say_last_words(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        // Asked only once: after the alert, rustls would look at the same bytes again.
        let state = self.connection.process_tls_records(bytes).state;
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = state {
            encode(&mut data, out);
        }
    }

    /// Seals `requests` onto `out` and empties them; before the end of the handshake they stay.
    /// With `refresh` new keys are taken into use first.
    pub(crate) fn seal(
        &mut self,
        requests: &mut Vec<u8>,
        mut refresh: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        while self.is_open() {
            let UnbufferedStatus { discard, state } =
                self.connection.process_tls_records(&mut self.kept);
            match state? {
                ConnectionState::WriteTraffic(traffic) if refresh => {
                    refresh = false;
                    traffic.refresh_traffic_keys()?;
                }
                ConnectionState::WriteTraffic(mut traffic) => {
                    encrypt(&mut traffic, requests, out)?;
                    requests.clear();
                    return Ok(());
                }
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out),
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => return Ok(()),
            }
            self.kept.drain(..discard);
        }
        Ok(())
    }

    /// Appends a close_notify.
    pub(crate) fn notify(&mut self, out: &mut Vec<u8>) {
        let state = self.connection.process_tls_records(&mut self.kept).state;
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = state {
            let at = out.len();
            out.resize(at + RECORD_OVERHEAD_BYTES, 0);
            let said = traffic.queue_close_notify(&mut out[at..]).unwrap_or(0);
            out.truncate(at + said);
        }
    }

    /// The result of the handshake, once the session is open.
    pub(crate) fn agreed(&self) -> Option<Agreed> {
        let version = self.connection.protocol_version()?.as_str().unwrap_or("?");
        let suite = self.connection.negotiated_cipher_suite()?.suite();
        let group = self.connection.negotiated_key_exchange_group();
        let kind = self.connection.handshake_kind()?;
        Some(Agreed {
            names: [
                version,
                suite.as_str().unwrap_or("?"),
                // A session of TLS 1.2 that is resumed exchanges no keys.
                group.map_or("-", |group| group.name().as_str().unwrap_or("?")),
            ],
            resumed: kind == HandshakeKind::Resumed,
        })
    }
}

/// Appends a handshake record.
fn encode<Data>(data: &mut EncodeTlsData<'_, Data>, out: &mut Vec<u8>) {
    let at = out.len();
    while let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut out[at..]) {
        out.resize(at + needed.required_size, 0);
    }
}

/// Appends `plain` in as many records as it takes.
fn encrypt<Data>(
    traffic: &mut WriteTraffic<'_, Data>,
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let at = out.len();
    let records = plain.len() / RECORD_BYTES_MAX + 2;
    out.resize(at + plain.len() + records * RECORD_OVERHEAD_BYTES, 0);
    let sealed = match traffic.encrypt(plain, &mut out[at..]) {
        Err(EncryptError::InsufficientSize(needed)) => {
            out.resize(at + needed.required_size, 0);
            traffic.encrypt(plain, &mut out[at..])
        }
        sealed => sealed,
    };
    out.truncate(at + sealed.as_ref().copied().unwrap_or(0));
    match sealed {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::General(error.to_string())),
    }
}
