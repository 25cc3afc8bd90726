//! Any bytes from a client that shakes hands: no panic, no session, an end that does not depend on how the bytes were
//! cut. Half of the inputs are a ClientHello of rustls with bytes changed, so that what lies behind the parser is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::tls::handshake::failure::FailReason;
use ringgate::tls::handshake::terms::{Acceptor, ClientCertificates, Terms};
use ringgate::tls::handshake::{Fed, Handshake, Outcome};
use ringgate::tls::identity::{Identities, Identity};
use ringgate::tls::tickets::TicketSecret;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::sync::{Arc, LazyLock};

const NOW: u64 = 1_800_000_000;

static ACCEPTOR: LazyLock<Acceptor> = LazyLock::new(|| {
    let identity = Identity::self_signed(NOW).expect("made");
    let root = identity.credential().chain()[0].clone();
    let terms = Terms {
        identities: Arc::new(Identities::new(vec![identity]).expect("one")),
        protocols: vec![b"http/1.1".to_vec()],
        client_certificates: ClientCertificates::Asked(vec![root]),
        allows_tls12: true,
    };
    let acceptor = terms.acceptor().expect("sound terms");
    acceptor.with_tickets(&TicketSecret::new([7; 32]), NOW)
});

/// The first bytes of a client that speaks both versions, and of one that speaks TLS 1.2.
static HELLOS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [&rustls::ALL_VERSIONS[..], &[&rustls::version::TLS12]].map(|versions| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut hello = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut hello).expect("into memory");
        }
        hello
    })
});

/// The input with the mark in front of it read: as it is, or as changes to a ClientHello.
fn stream(kind: u8, bytes: &[u8]) -> Vec<u8> {
    if kind < 128 {
        return bytes.to_vec();
    }
    let mut hello = HELLOS[usize::from(kind % 2)].clone();
    let changes = usize::from(kind / 2 % 16).min(bytes.len() / 3);
    let (changes, rest) = bytes.split_at(3 * changes);
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % hello.len();
        hello[at] = change[2];
    }
    hello.extend_from_slice(rest);
    hello
}

/// Feeds the stream in pieces of these lengths; the reason of the failure, or None if more is wanted.
fn feed(stream: &[u8], cuts: &[u8]) -> Option<FailReason> {
    let mut handshake = Handshake::new(&ACCEPTOR).expect("a handshake");
    let (mut inbox, mut output) = (Vec::new(), Vec::new());
    let mut cuts = cuts.iter().cycle();
    let mut rest = stream;
    while !rest.is_empty() {
        let length = cuts
            .next()
            .map_or(rest.len(), |cut| 1 + usize::from(*cut) * 4);
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        inbox.extend_from_slice(piece);
        let Fed { used, outcome } = handshake.feed(&mut inbox, &mut output);
        assert!(used <= inbox.len());
        inbox.drain(..used);
        match outcome {
            Outcome::Going(going) => handshake = going,
            Outcome::Failed(failure) => return Some(failure.reason),
            Outcome::Established(_) => panic!("a session with a client that knows no key"),
        }
    }
    None
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[kind, cuts @ ..], rest)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let stream = stream(kind, rest);
    let whole = feed(&stream, &[]);
    let pieces = feed(&stream, &cuts);
    if whole.is_some() {
        assert_eq!(pieces, whole, "an end that depends on the cuts");
    }
});
