//! Certificates, a client of rustls, and the handshake between it and the rooms under test.

use ringgate::tls::handshake::failure::Failure;
use ringgate::tls::handshake::terms::{Acceptor, ClientCertificates, Terms};
use ringgate::tls::handshake::{Established, Fed, Handshake, Outcome};
use ringgate::tls::identity::{Identities, Identity, Pem};
use ringgate::tls::record::{KeyCache, Opened, Session};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Now, as the tests count.
pub(crate) const NOW: u64 = 1_800_000_000;

/// All cipher suites, of both versions and for both kinds of keys.
pub(crate) const SUITES: [&str; 9] = [
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// A self-signed certificate, as text and as a root that clients may trust.
pub(crate) struct Made {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) root: CertificateDer<'static>,
    pub(crate) private: PrivateKeyDer<'static>,
}

impl Made {
    pub(crate) fn identity(&self) -> Identity {
        let pem = |name, text: &'static str| Pem {
            file: Path::new(name),
            text: text.as_bytes(),
        };
        // Leaked: `Pem` borrows, and a test is short.
        let certificate = pem("cert.pem", self.certificate.clone().leak());
        let key = pem("key.pem", self.key.clone().leak());
        Identity::from_pem(certificate, key).expect("a pair")
    }
}

/// A certificate for these names with a key of this kind.
pub(crate) fn made(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Made {
    let key = rcgen::KeyPair::generate_for(algorithm).expect("a key");
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = rcgen::CertificateParams::new(names).expect("names");
    let certificate = params.self_signed(&key).expect("signed");
    Made {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        root: certificate.der().clone(),
        private: PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
    }
}

/// The certificates that most tests use: one of each kind for `localhost`. Made once; RSA takes a while.
pub(crate) struct Localhost {
    pub(crate) ecdsa: Made,
    pub(crate) rsa: Made,
}

pub(crate) fn localhost() -> &'static Localhost {
    static MADE: std::sync::OnceLock<Localhost> = std::sync::OnceLock::new();
    MADE.get_or_init(|| Localhost {
        ecdsa: made(&["localhost"], &rcgen::PKCS_ECDSA_P256_SHA256),
        rsa: made(&["localhost"], &rcgen::PKCS_RSA_SHA256),
    })
}

/// Terms with both certificates of `localhost` and no demands.
pub(crate) fn terms() -> Terms {
    let all = vec![localhost().ecdsa.identity(), localhost().rsa.identity()];
    Terms {
        identities: Arc::new(Identities::new(all).expect("two")),
        protocols: vec![b"http/1.1".to_vec()],
        client_certificates: ClientCertificates::NotAsked,
        allows_tls12: true,
    }
}

/// An acceptor that speaks one suite only.
pub(crate) fn acceptor(suite: &str) -> Acceptor {
    let mut terms = terms();
    terms.allows_tls12 = !suite.starts_with("TLS13");
    let suites: &[&str] = match terms.allows_tls12 {
        // The library wants a suite for each version; the client speaks 1.2 only.
        true => &[suite, SUITES[0]],
        false => &[suite],
    };
    terms.acceptor_with_suites(suites).expect("sound terms")
}

/// What a client of these tests is like.
pub(crate) struct ClientTerms {
    pub(crate) tls12_only: bool,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) certificate: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    pub(crate) suites: Vec<&'static str>,
    pub(crate) protocols: Vec<Vec<u8>>,
}

impl Default for ClientTerms {
    fn default() -> ClientTerms {
        ClientTerms {
            tls12_only: false,
            roots: vec![localhost().ecdsa.root.clone(), localhost().rsa.root.clone()],
            certificate: None,
            suites: Vec::new(),
            protocols: vec![b"http/1.1".to_vec()],
        }
    }
}

impl ClientTerms {
    pub(crate) fn config(self) -> Arc<ClientConfig> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if !self.suites.is_empty() {
            provider.cipher_suites.retain(|suite| {
                let name = suite.suite().as_str().expect("a name");
                self.suites.contains(&name)
            });
        }
        let versions: &[_] = match (self.tls12_only, self.suites.is_empty()) {
            (true, _) => &[&rustls::version::TLS12],
            (false, true) => rustls::ALL_VERSIONS,
            (false, false) => &[&rustls::version::TLS13],
        };
        let mut roots = RootCertStore::empty();
        for root in self.roots {
            roots.add(root).expect("a root");
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match self.certificate {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).expect("a pair"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.protocols;
        Arc::new(config)
    }
}

/// A client that speaks `suite` and its version only.
pub(crate) fn client_for(suite: &'static str) -> ClientConnection {
    let terms = ClientTerms {
        tls12_only: !suite.starts_with("TLS13"),
        suites: vec![suite],
        ..ClientTerms::default()
    };
    client(&terms.config(), "localhost")
}

pub(crate) fn client(config: &Arc<ClientConfig>, name: &'static str) -> ClientConnection {
    let name = ServerName::try_from(name).expect("a name");
    ClientConnection::new(config.clone(), name).expect("a client")
}

/// All that the client wants to send.
pub(crate) fn drain(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).expect("into memory");
    }
    bytes
}

/// Gives the client bytes; what it has to say against them.
pub(crate) fn give(client: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).expect("from memory");
        client.process_new_packets()?;
    }
    Ok(())
}

/// What the client has read.
pub(crate) fn read(client: &mut ClientConnection) -> Vec<u8> {
    let mut read = Vec::new();
    match client.reader().read_to_end(&mut read) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
    }
    read
}

/// Gives the client a long answer, of which it holds only so much; all that it has read.
pub(crate) fn hear(client: &mut ClientConnection, bytes: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    for bytes in bytes.chunks(4096) {
        give(client, bytes).expect("sound");
        heard.extend(read(client));
    }
    heard
}

/// What the client sends for this request.
pub(crate) fn request(client: &mut ClientConnection, text: &[u8]) -> Vec<u8> {
    client.writer().write_all(text).expect("room");
    drain(client)
}

/// The server's side of a handshake that some bytes were fed to.
pub(crate) enum Side {
    Going(Box<Handshake>),
    Over(Box<Established>),
    Failed(Failure),
}

/// Feeds all of `input`, which keeps what is not consumed.
pub(crate) fn feed(handshake: Box<Handshake>, input: &mut Vec<u8>, output: &mut Vec<u8>) -> Side {
    let Fed { used, outcome } = handshake.feed(input, output);
    input.drain(..used);
    match outcome {
        Outcome::Going(handshake) => Side::Going(handshake),
        Outcome::Established(established) => Side::Over(established),
        Outcome::Failed(failure) => Side::Failed(failure),
    }
}

/// A handshake to its end, `piece` bytes at a time: the session and the facts, or why not. What the client
/// thinks of the server's last bytes is left to the caller to find out by using it.
pub(crate) fn shake(
    acceptor: &Acceptor,
    client: &mut ClientConnection,
    piece: usize,
) -> Result<Box<Established>, Failure> {
    let mut handshake = Handshake::new(acceptor).expect("a handshake");
    let (mut input, mut output) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let sent = drain(client);
        for bytes in sent.chunks(piece) {
            input.extend(bytes);
            let side = feed(handshake, &mut input, &mut output);
            match side {
                Side::Going(same) => handshake = same,
                Side::Over(established) => {
                    assert!(input.is_empty(), "the client said nothing more");
                    give(client, &output).expect("a sound last flight");
                    return Ok(established);
                }
                Side::Failed(failure) => {
                    // What the client makes of the alert, its own errors tell.
                    let _: Result<(), rustls::Error> = give(client, &output);
                    return Err(failure);
                }
            }
        }
        if let Err(error) = give(client, &std::mem::take(&mut output)) {
            let mut last = drain(client);
            return match feed(handshake, &mut last, &mut output) {
                Side::Failed(failure) => Err(failure),
                _ => panic!("the client failed with {error} and the server goes on"),
            };
        }
    }
    panic!("no end after ten flights")
}

/// A handshake that succeeds.
pub(crate) fn established(acceptor: &Acceptor, client: &mut ClientConnection) -> Box<Established> {
    shake(acceptor, client, usize::MAX).expect("a handshake")
}

/// Opens all records of `bytes`, which holds nothing else, and gives the data.
#[track_caller]
pub(crate) fn open_all(session: &mut Session, keys: &mut KeyCache, mut bytes: Vec<u8>) -> Vec<u8> {
    let mut data = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        at += match session.open(keys, &mut bytes[at..]) {
            Ok(Opened::Data { plain, used }) => {
                data.extend_from_slice(&bytes[at..][plain]);
                used
            }
            Ok(Opened::KeyUpdated { used } | Opened::Ignored { used }) => used,
            other => panic!("{other:?}"),
        };
    }
    data
}

/// Moves a session: encoded, dropped, decoded.
pub(crate) fn moved(session: Session) -> Session {
    let carried = session.encode();
    drop(session);
    Session::decode(carried.as_ref()).expect("what was encoded")
}
