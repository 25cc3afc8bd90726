#!/usr/bin/env bash
# rustls 0.23.46, server: a client for which the certificate resolver has nothing gets the alert access_denied (49).
#
# Expected: handshake_failure (40), "unable to negotiate an acceptable set of security parameters" (RFC 8446 section
# 6.2, RFC 5246 section 7.2.2). access_denied means that a valid certificate or key of the *peer* was received and
# access control decided not to go on.
# Seen: `ResolvesServerCert::resolve` may answer None when no certificate has a key that the client can check, as its
# documentation says. The handshake then ends with access_denied in TLS 1.3 and in TLS 1.2. A resolver that
# answers with a certificate the client cannot check gets handshake_failure from the same library (seen in TLS 1.2;
# in TLS 1.3 the alert is encrypted, behind a ServerHello).
#
# Scanners take access_denied for something else than "nothing in common". A server with certificates by kind of
# key shows the client its default certificate rather than none.
#
# Usage: findings/rustls-access-denied-without-a-fitting-certificate.sh
# Needs cargo, a C compiler and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "access-denied"
version = "0.0.0"
edition = "2024"

[dependencies]
rcgen = { version = "=0.14.10", default-features = false, features = ["aws_lc_rs"] }
rustls = { version = "=0.23.46", default-features = false, features = ["aws_lc_rs", "std", "tls12"] }
TOML

cat >"$work/src/main.rs" <<'RUST'
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{SignatureScheme, SupportedProtocolVersion};
use std::sync::Arc;

/// One certificate with an ECDSA key, or none for clients that cannot check it.
#[derive(Debug)]
struct One {
    key: Arc<CertifiedKey>,
    shows_what_does_not_fit: bool,
}

impl ResolvesServerCert for One {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = hello
            .signature_schemes()
            .contains(&SignatureScheme::ECDSA_NISTP256_SHA256);
        (fits || self.shows_what_does_not_fit).then(|| self.key.clone())
    }
}

/// The first record that the server sends to a client that can check RSA alone.
fn answer(version: &'static SupportedProtocolVersion, shows_what_does_not_fit: bool) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let key = provider::sign::any_supported_type(&key).unwrap();
    let one = One {
        key: Arc::new(CertifiedKey::new(vec![made.cert.der().clone()], key)),
        shows_what_does_not_fit,
    };
    let server = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(one));
    let mut rsa_only = provider::default_provider();
    let algorithms = &mut rsa_only.signature_verification_algorithms;
    let rsa = algorithms.mapping.iter().copied().filter(|(scheme, _)| {
        matches!(scheme, SignatureScheme::RSA_PSS_SHA256 | SignatureScheme::RSA_PKCS1_SHA256)
    });
    algorithms.mapping = Box::leak(rsa.collect());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(rsa_only))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    server.read_tls(&mut &hello[..]).unwrap();
    let failed = server.process_new_packets().unwrap_err();
    let mut said = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut said).unwrap();
    }
    let seen = match said[..] {
        [21, .., alert] => format!("alert {alert}"),
        _ => "a ServerHello, and an alert behind it that is encrypted".to_owned(),
    };
    println!("{version:?}, shows what does not fit: {shows_what_does_not_fit}: {failed}; sends {seen}");
    said
}

fn main() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let without = answer(version, false);
        assert_eq!((without[0], without.last()), (21, Some(&49)), "access_denied");
    }
    answer(&rustls::version::TLS13, true);
    let with = answer(&rustls::version::TLS12, true);
    assert_eq!((with[0], with.last()), (21, Some(&40)), "handshake_failure");
    println!("as described");
}
RUST

cargo run --quiet --release --manifest-path "$work/Cargo.toml"
