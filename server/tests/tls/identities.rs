//! Certificates and keys as text, which of them a client is shown, and what is said of bad ones.

use crate::world::{ClientTerms, Made, NOW, client, established, localhost, made, terms};
use ringgate::tls::handshake::credential::KeyKind;
use ringgate::tls::identity::{Identities, Identity, IdentityError, Pem, client_roots};
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

const ECDSA: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

fn load(certificate: &str, key: &str) -> Result<Identity, IdentityError> {
    let pem = |file, text: &'static str| Pem {
        file: Path::new(file),
        text: text.as_bytes(),
    };
    let certificate = pem("/etc/cert.pem", certificate.to_owned().leak());
    Identity::from_pem(certificate, pem("/etc/key.pem", key.to_owned().leak()))
}

#[track_caller]
fn refused(certificate: &str, key: &str) -> String {
    load(certificate, key).expect_err("refused").to_string()
}

/// The certificate that a client is shown that asks for `name` and trusts all of `trusted`.
fn shown(all: &[&Made], name: &'static str) -> CertificateDer<'static> {
    let mut terms = terms();
    let identities = all.iter().map(|made| made.identity()).collect();
    terms.identities = Arc::new(Identities::new(identities).expect("some"));
    let acceptor = terms.acceptor().expect("sound terms");
    let of_client = ClientTerms {
        roots: all.iter().map(|made| made.root.clone()).collect(),
        ..ClientTerms::default()
    };
    let mut client = client(&of_client.config(), name);
    // A client that is shown a certificate of another name goes away, with its alert.
    let over = crate::world::shake(&acceptor, &mut client, usize::MAX);
    let shown = client.peer_certificates().map(|chain| chain[0].clone());
    drop(over);
    shown.expect("a certificate that fits the name")
}

#[test]
fn an_exact_name_goes_before_a_wildcard_and_that_before_the_default() {
    let default = made(&["default.example", "odd.default.example"], ECDSA);
    let wildcard = made(&["*.example.com"], ECDSA);
    let exact = made(&["www.example.com"], ECDSA);
    let all = [&default, &wildcard, &exact];
    assert_eq!(shown(&all, "www.example.com"), exact.root);
    assert_eq!(shown(&all, "WWW.example.COM"), exact.root);
    assert_eq!(shown(&all, "api.example.com"), wildcard.root);
    assert_eq!(shown(&all, "odd.default.example"), default.root);

    let identities = all.iter().map(|made| made.identity()).collect();
    let identities = Identities::new(identities).expect("three");
    let of = |name: Option<&str>| {
        let found = identities
            .resolve(name, |_| true)
            .expect("the default at least");
        found.chain()[0].clone()
    };
    for unknown in [
        None,
        Some("example.com"),
        Some("a.b.example.com"),
        Some(".example.com"),
        Some("elsewhere.example"),
        Some(""),
    ] {
        assert_eq!(of(unknown), default.root, "{unknown:?}");
    }
    assert_eq!(of(Some("Www.Example.COM")), exact.root);
    assert_eq!(of(Some("API.example.com")), wildcard.root);
    assert!(identities.resolve(None, |_| false).is_none());
}

#[test]
fn of_two_keys_for_a_name_the_cheaper_one_that_the_client_can_check_is_shown() {
    let rsa_first = vec![localhost().rsa.identity(), localhost().ecdsa.identity()];
    let identities = Identities::new(rsa_first).expect("two");
    let any = identities.resolve(Some("localhost"), |_| true);
    assert_eq!(any.expect("one").kind(), KeyKind::Ecdsa);
    let only_rsa = identities.resolve(Some("localhost"), |one| one.kind() == KeyKind::Rsa);
    assert_eq!(only_rsa.expect("one").kind(), KeyKind::Rsa);
}

#[test]
fn a_certificate_says_its_names_and_its_dates() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = ["A.Example", "*.b.example", "192.0.2.7", "2001:db8::7"];
    let names = names.map(str::to_owned);
    let mut params = rcgen::CertificateParams::new(names).expect("names");
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 15);
    let certificate = params.self_signed(&key).expect("signed");
    let identity = load(&certificate.pem(), &key.serialize_pem()).expect("a pair");
    let described = identity.described();
    assert_eq!(described.names, ["a.example".into(), "*.b.example".into()]);
    let addresses = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse::<IpAddr>().expect("one"));
    assert_eq!(described.addresses, addresses);
    assert_eq!(described.not_before, 1_767_225_600);
    assert_eq!(described.not_after, 1_799_971_200);
    assert!(!described.serial.is_empty());
    assert_eq!(identity.file(), Path::new("/etc/cert.pem"));
}

#[test]
fn keys_of_each_kind_are_loaded() {
    for (algorithm, kind) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, KeyKind::Ecdsa),
        (&rcgen::PKCS_ECDSA_P384_SHA384, KeyKind::Ecdsa),
        (&rcgen::PKCS_ED25519, KeyKind::Ed25519),
    ] {
        assert_eq!(made(&["a.example"], algorithm).identity().kind(), kind);
    }
    assert_eq!(localhost().rsa.identity().kind(), KeyKind::Rsa);
    let shown = format!("{:?}", localhost().rsa.identity().credential());
    assert_eq!(shown, "Credential { kind: Rsa, certificates: 1, .. }");
    let kinds = [KeyKind::Ecdsa, KeyKind::Ed25519, KeyKind::Rsa];
    assert!(kinds.is_sorted(), "the cheapest signature first");
    assert_eq!(kinds.map(KeyKind::name), ["ecdsa", "ed25519", "rsa"]);
}

#[test]
fn one_file_may_hold_both() {
    let made = made(&["a.example"], ECDSA);
    let both = format!("{}\n{}", made.key, made.certificate);
    assert_eq!(load(&both, &both).expect("a pair").names().len(), 1);
}

#[test]
fn an_error_names_the_file_the_cause_and_the_cure() {
    let one = made(&["a.example"], ECDSA);
    let other = made(&["b.example"], ECDSA);
    let chain = format!("{}{}", one.certificate, other.certificate);
    let header = |name: &str| format!("-----BEGIN {name}-----\nAAAA\n-----END {name}-----\n");
    let garbled = header("CERTIFICATE");
    let cut = &one.certificate[..one.certificate.len() - 30];
    let encrypted = header("ENCRYPTED PRIVATE KEY");
    let cases = [
        (
            "",
            &*one.key,
            "/etc/cert.pem: no certificate",
            "BEGIN CERTIFICATE",
        ),
        (
            &*one.key,
            &*one.key,
            "/etc/cert.pem: no certificate",
            "first",
        ),
        (
            "\x30\x7f",
            &*one.key,
            "/etc/cert.pem: no certificate",
            "first",
        ),
        (
            &*garbled,
            &*one.key,
            "/etc/cert.pem: certificate 1",
            "again",
        ),
        (cut, &*one.key, "/etc/cert.pem: not in PEM form", "openssl"),
        (
            &*one.certificate,
            "",
            "/etc/key.pem: no private key",
            "BEGIN PRIVATE KEY",
        ),
        (
            &*one.certificate,
            &*encrypted,
            "/etc/key.pem: the private key is encrypted",
            "openssl",
        ),
        (
            &*one.certificate,
            &*other.key,
            "/etc/key.pem: the key does not belong",
            "/etc/cert.pem",
        ),
        (
            &*chain,
            &*other.key,
            "/etc/key.pem: the key belongs to certificate 2",
            "stand first",
        ),
    ];
    for (certificate, key, cause, cure) in cases {
        let told = refused(certificate, key);
        assert!(told.starts_with(cause) && told.contains(cure), "{told}");
    }
    let unusable = refused(&one.certificate, &header("PRIVATE KEY"));
    assert!(unusable.contains("ECDSA P-256"), "{unusable}");
}

#[test]
fn no_error_quotes_a_key() {
    let one = made(&["a.example"], ECDSA);
    let secret: Vec<_> = one
        .key
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let cut = one.key.replace("-----END PRIVATE KEY-----", "");
    let garbled = one.key.replace(
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----#",
    );
    let bad = one.key.replace('M', "%");
    for key in [cut, garbled, bad] {
        let error = load(&one.certificate, &key).expect_err("refused");
        let told = format!("{error} {error:?}");
        for line in &secret {
            assert!(!told.contains(&line[..16.min(line.len())]), "{told}");
        }
    }
    let shown = format!("{:?}", one.identity());
    assert!(secret.iter().all(|line| !shown.contains(line)), "{shown}");
}

#[test]
fn client_roots_are_checked_one_by_one() {
    let one = made(&["a.example"], ECDSA);
    let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let text = format!("{}{garbled}", one.certificate);
    let file = Path::new("/etc/ca.pem");
    let text = text.as_bytes();
    let error = client_roots(Pem { file, text }).expect_err("the second");
    assert!(
        error.to_string().starts_with("/etc/ca.pem: certificate 2"),
        "{error}"
    );
    let text = one.certificate.as_bytes();
    assert_eq!(client_roots(Pem { file, text }).expect("one"), [one.root]);
}

#[test]
fn a_self_signed_certificate_is_for_this_machine_and_valid_now() {
    let identity = Identity::self_signed(NOW).expect("made");
    let described = identity.described().clone();
    assert_eq!(described.names, ["localhost".into()]);
    assert_eq!(described.addresses.len(), 2);
    assert!(described.not_before < NOW && described.not_after > NOW + 300 * 86_400);
    assert!(described.not_after - described.not_before <= 398 * 86_400);
    // The library's own clock judges here, so made for its time.
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("after 1970");
    let identity = Identity::self_signed(now.as_secs()).expect("made");
    let root = identity.credential().chain()[0].clone();
    let mut terms = terms();
    terms.identities = Arc::new(Identities::new(vec![identity]).expect("one"));
    let of_client = ClientTerms {
        roots: vec![root],
        ..ClientTerms::default()
    };
    let acceptor = terms.acceptor().expect("sound terms");
    established(&acceptor, &mut client(&of_client.config(), "localhost"));
    established(
        &acceptor,
        &mut client(&of_client_again(&terms), "127.0.0.1"),
    );
}

fn of_client_again(terms: &ringgate::tls::handshake::terms::Terms) -> Arc<rustls::ClientConfig> {
    let root = terms.identities.all()[0].credential().chain()[0].clone();
    let of_client = ClientTerms {
        roots: vec![root],
        ..ClientTerms::default()
    };
    of_client.config()
}
