#!/usr/bin/env bash
# rustls 0.23.46, the unbuffered server: `dangerous_into_kernel_connection` hands out the keys of a connection
# although the answer to a KeyUpdate is still unsent, and that answer is lost.
#
# Expected: the function refuses as long as something is left to be sent, as it does for other records ("there are
# still buffered TLS records to send").
# Seen: a client that asks for new keys (`refresh_traffic_keys`, RFC 8446 section 4.6.3) right behind its
# Finished is obeyed within the library. The state machine then says WriteTraffic, with nothing to encode or to
# transmit. The keys that come out are those of the next generation, of which the client was never told: the
# first record under them does not open, and the client ends the connection with bad_record_mac. Without the
# client's KeyUpdate the same steps give keys that fit.
#
# A program that takes a connection over from rustls has to show it one record at a time, and to stop showing
# at the end of the handshake.
#
# Usage: findings/rustls-kernel-connection-forgets-a-key-update.sh
# Needs cargo, a C compiler and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "kernel-connection"
version = "0.0.0"
edition = "2024"

[dependencies]
aws-lc-rs = { version = "=1.19.0", default-features = false, features = ["alloc", "aws-lc-sys"] }
rcgen = { version = "=0.14.10", default-features = false, features = ["aws_lc_rs"] }
rustls = { version = "=0.23.46", default-features = false, features = ["aws_lc_rs", "std"] }
TOML

cat >"$work/src/main.rs" <<'RUST'
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::ConnectionState;
use rustls::{ClientConfig, ClientConnection, ConnectionTrafficSecrets, RootCertStore, ServerConfig};
use std::io::Read;
use std::sync::Arc;

/// One suite, so that the record below is sealed by the right cipher.
fn one_suite() -> Arc<CryptoProvider> {
    let cipher_suites = vec![provider::cipher_suite::TLS13_AES_128_GCM_SHA256];
    Arc::new(CryptoProvider { cipher_suites, ..provider::default_provider() })
}

fn pair() -> (ClientConnection, UnbufferedServerConnection) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(one_suite())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut server = ServerConfig::builder_with_provider(one_suite())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    server.send_tls13_tickets = 0;
    server.enable_secret_extraction = true;
    let name = ServerName::try_from("localhost").unwrap();
    (
        ClientConnection::new(Arc::new(client), name).unwrap(),
        UnbufferedServerConnection::new(Arc::new(server)).unwrap(),
    )
}

fn sent(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Shows the server these bytes until it wants more or may write. Returns what it sends, and its last word.
fn show(server: &mut UnbufferedServerConnection, mut input: Vec<u8>) -> (Vec<u8>, &'static str) {
    let mut output = Vec::new();
    loop {
        let status = server.process_tls_records(&mut input);
        let discard = status.discard;
        let end = match status.state.unwrap() {
            ConnectionState::EncodeTlsData(mut data) => {
                let mut room = vec![0; 16 << 10];
                let length = data.encode(&mut room).unwrap();
                output.extend_from_slice(&room[..length]);
                None
            }
            ConnectionState::TransmitTlsData(data) => {
                data.done();
                None
            }
            ConnectionState::BlockedHandshake => Some("BlockedHandshake"),
            ConnectionState::WriteTraffic(_) => Some("WriteTraffic"),
            other => panic!("{other:?}"),
        };
        input.drain(..discard);
        if let Some(end) = end {
            return (output, end);
        }
    }
}

/// "hello" as one record under these keys.
fn record(seq: u64, secrets: &ConnectionTrafficSecrets) -> Vec<u8> {
    let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
        panic!("another cipher");
    };
    let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
    nonce[4..].iter_mut().zip(seq.to_be_bytes()).for_each(|(byte, of_seq)| *byte ^= of_seq);
    let mut body = b"hello\x17".to_vec();
    let head = [23, 3, 3, 0, (body.len() + 16) as u8];
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).unwrap());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(head), &mut body)
        .unwrap();
    [&head[..], &body].concat()
}

fn main() {
    for asks in [false, true] {
        let (mut client, mut server) = pair();
        let (flight, _) = show(&mut server, sent(&mut client));
        client.read_tls(&mut &flight[..]).unwrap();
        client.process_new_packets().unwrap();
        if asks {
            client.refresh_traffic_keys().unwrap();
        }
        let (answer, state) = show(&mut server, sent(&mut client));
        let outcome = match server.dangerous_into_kernel_connection() {
            Err(error) => format!("refused: {error}"),
            Ok((secrets, _)) => {
                let (seq, keys) = secrets.tx;
                client.read_tls(&mut &record(seq, &keys)[..]).unwrap();
                match client.process_new_packets() {
                    Err(error) => format!("client: {error}"),
                    Ok(_) => {
                        let mut text = [0; 5];
                        client.reader().read_exact(&mut text).unwrap();
                        format!("client read {}", String::from_utf8_lossy(&text))
                    }
                }
            }
        };
        println!("KeyUpdate {asks}: {state}, {} bytes to send, {outcome}", answer.len());
    }
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml" >"$work/seen"
cat "$work/seen"
diff - "$work/seen" <<'SEEN'
KeyUpdate false: WriteTraffic, 0 bytes to send, client read hello
KeyUpdate true: WriteTraffic, 0 bytes to send, client: cannot decrypt peer's message
SEEN
echo "as described"
