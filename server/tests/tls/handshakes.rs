//! From the first byte to the session, and what the client is told when there is none.

use crate::world::{
    ClientTerms, NOW, SUITES, Side, acceptor, client, client_for, drain, established, feed, give,
    localhost, made, open_all, read, request, shake, terms,
};
use ringgate::tls::handshake::Handshake;
use ringgate::tls::handshake::failure::FailReason;
use ringgate::tls::handshake::terms::{Acceptor, ClientCertificates};
use ringgate::tls::record::{KeyCache, Records, Version};
use rustls::{AlertDescription, ClientConnection, Error};
use std::io::Write;

#[test]
fn each_suite_is_agreed_on_and_named() {
    for suite in SUITES {
        let mut client = client_for(suite);
        let facts = established(&acceptor(suite), &mut client).facts;
        assert_eq!(facts.cipher, suite);
        let version = match suite.starts_with("TLS13") {
            true => Version::Tls13,
            false => Version::Tls12,
        };
        assert_eq!(facts.version, version);
        assert_eq!(facts.server_name.as_deref(), Some("localhost"));
        assert_eq!(facts.protocol.as_deref(), Some(&b"http/1.1"[..]));
        assert!(facts.client_chain.is_empty() && !facts.is_resumed);
    }
}

#[test]
fn a_handshake_that_comes_byte_by_byte_is_the_same() {
    for suite in SUITES {
        let mut client = client_for(suite);
        let mut session = shake(&acceptor(suite), &mut client, 1)
            .expect("a handshake")
            .session;
        let sent = request(&mut client, b"question");
        let data = open_all(&mut session, &mut KeyCache::default(), sent);
        assert_eq!(data, b"question", "{suite}");
    }
}

#[test]
fn records_right_behind_the_handshake_are_left_for_the_session() {
    for suite in &SUITES[..3] {
        for tickets in [false, true] {
            let mut acceptor = acceptor(suite);
            if tickets {
                let secret = ringgate::tls::tickets::TicketSecret::new([7; 32]);
                acceptor = acceptor.with_tickets(&secret, NOW);
            }
            let mut client = client_for(suite);
            let (mut input, mut output) = (drain(&mut client), Vec::new());
            let server = Handshake::new(&acceptor).expect("a handshake");
            let Side::Going(server) = feed(server, &mut input, &mut output) else {
                panic!("over without Finished");
            };
            give(&mut client, &output).expect("sound");
            assert!(!client.is_handshaking());
            // All in one send: Finished, data, a KeyUpdate that asks for ours, and more data.
            client.writer().write_all(b"first").expect("room");
            client.refresh_traffic_keys().expect("TLS 1.3");
            client.writer().write_all(b"second").expect("room");
            input.extend(drain(&mut client));
            output.clear();
            let Side::Over(mut over) = feed(server, &mut input, &mut output) else {
                panic!("not over");
            };
            assert_eq!(
                output.is_empty(),
                !tickets,
                "tickets leave before the state does"
            );
            assert_eq!(over.session.records(), (0, u64::from(tickets)));
            let mut keys = KeyCache::default();
            let data = open_all(&mut over.session, &mut keys, input);
            assert_eq!(data, b"firstsecond");
            let mut output = Records::behind(output.clone());
            let sealed = over.session.seal(&mut keys, &[b"answer"], &mut output);
            sealed.expect("sealed");
            give(&mut client, &output).expect("the keys that the client was told of");
            assert_eq!(read(&mut client), b"answer");
        }
    }
}

#[test]
fn a_request_without_tls_is_told_apart_and_gets_no_alert() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"P"] {
        let server = Handshake::new(&acceptor(SUITES[0])).expect("a handshake");
        let mut output = Vec::new();
        let Side::Failed(failure) = feed(server, &mut bytes.to_vec(), &mut output) else {
            panic!("not refused");
        };
        assert_eq!(failure.reason, FailReason::PlainHttp);
        assert!(output.is_empty());
    }
}

#[test]
fn bytes_that_are_no_handshake_get_an_alert() {
    let cases: [(&[u8], FailReason); 4] = [
        (&[0x80, 0x2e, 1, 3, 1, 0, 0], FailReason::NotTls),
        (&[22, 9, 9, 0, 4, 1, 0, 0, 0], FailReason::NotTls),
        (&[22, 3, 1, 0, 4, 1, 0, 0, 0], FailReason::Malformed),
        (&[23, 3, 3, 0, 1, 0], FailReason::Misbehaved),
    ];
    for (bytes, expected) in cases {
        let server = Handshake::new(&acceptor(SUITES[0])).expect("a handshake");
        let mut output = Vec::new();
        let Side::Failed(failure) = feed(server, &mut bytes.to_vec(), &mut output) else {
            panic!("not refused: {bytes:?}");
        };
        assert_eq!(failure.reason, expected, "{bytes:?}: {failure}");
        assert_eq!(
            (output.len(), output[0], output[5]),
            (7, 21, 2),
            "a fatal alert"
        );
    }
}

#[test]
fn half_a_message_that_is_shown_again_without_more_is_no_fault() {
    // A record with the first eight bytes of a ClientHello of 64.
    let mut input = vec![22, 3, 1, 0, 8, 1, 0, 0, 64, 3, 3, 7, 7];
    let mut handshake = Handshake::new(&acceptor(SUITES[0])).expect("a handshake");
    let mut output = Vec::new();
    for _ in 0..3 {
        handshake = match feed(handshake, &mut input, &mut output) {
            Side::Going(same) => same,
            Side::Over(_) => panic!("a session without keys"),
            Side::Failed(failure) => panic!("{failure}"),
        };
        let shown = format!("{handshake:?}");
        assert_eq!(shown, "Handshake { is_begun: true, shown: 13, .. }");
    }
    assert!(output.is_empty());
}

/// The reason for which bytes are refused that come in such pieces; None if more is awaited.
fn refused(bytes: &[u8], piece: usize) -> Option<FailReason> {
    let mut handshake = Handshake::new(&acceptor(SUITES[0])).expect("a handshake");
    let (mut input, mut output) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        input.extend(piece);
        handshake = match feed(handshake, &mut input, &mut output) {
            Side::Going(same) => same,
            Side::Over(_) => panic!("a session without keys"),
            Side::Failed(failure) => return Some(failure.reason),
        };
    }
    None
}

/// The library knows some of these versions by name, and would wait for the rest of such a record.
#[test]
fn a_first_record_of_another_protocol_is_refused_alike_wherever_it_is_cut() {
    // Those of TLS, and their neighbours.
    const KINDS: [u8; 7] = [19, 20, 21, 22, 23, 24, 25];
    let others = [
        [0, 1],
        [0, 2],
        [2, 0],
        [4, 0],
        [0xfe, 0xff],
        [0xfe, 0xfd],
        [0xfe, 0xfc],
    ];
    for (version, kind) in others
        .iter()
        .flat_map(|version| KINDS.map(|kind| (version, kind)))
    {
        let record = [&[kind][..], version, &[0, 9, 1], &[7; 8]].concat();
        for piece in 1..=record.len() {
            let refused = refused(&record, piece);
            let at = format!("{version:?} of kind {kind} in pieces of {piece}");
            assert_eq!(refused, Some(FailReason::NotTls), "{at}");
        }
    }
}

#[test]
fn a_first_record_of_another_kind_is_refused_alike_wherever_it_is_cut() {
    for kind in (0..=255u8).filter(|kind| *kind != 22) {
        let record = [&[kind, 3, 3, 0, 9][..], &[7; 9]].concat();
        let whole = refused(&record, usize::MAX);
        assert!(whole.is_some(), "{kind}");
        // Of a kind that TLS does not have, the header is enough.
        let by_header = refused(&record[..5], usize::MAX);
        assert_eq!(by_header.is_none(), (20..=24).contains(&kind), "{kind}");
        for piece in 1..record.len() {
            assert_eq!(
                refused(&record, piece),
                whole,
                "{kind} in pieces of {piece}"
            );
        }
    }
}

/// RFC 5246 section 6.2.3 allows 2^14 + 2048 bytes behind the header.
#[test]
fn a_first_record_that_is_longer_than_any_may_be_is_refused_by_its_header() {
    let malformed = Some(FailReason::Malformed);
    for (length, expected) in [(18_432, None), (18_433, malformed), (u16::MAX, malformed)] {
        let [high, low] = length.to_be_bytes();
        for piece in [1, usize::MAX] {
            let told = refused(&[22, 3, 1, high, low, 1], piece);
            assert_eq!(told, expected, "{length} in pieces of {piece}");
        }
    }
}

#[test]
fn a_finished_that_was_altered_is_told() {
    let mut client = client_for(SUITES[0]);
    let server = Handshake::new(&acceptor(SUITES[0])).expect("a handshake");
    let mut output = Vec::new();
    let Side::Going(server) = feed(server, &mut drain(&mut client), &mut output) else {
        panic!("over without Finished");
    };
    give(&mut client, &output).expect("sound");
    let mut input = drain(&mut client);
    *input.last_mut().expect("Finished") ^= 1;
    output.clear();
    let Side::Failed(failure) = feed(server, &mut input, &mut output) else {
        panic!("taken");
    };
    assert_eq!(failure.reason, FailReason::DoesNotOpen, "{failure}");
    let told = give(&mut client, &output).expect_err("an alert");
    assert_eq!(told, Error::AlertReceived(AlertDescription::BadRecordMac));
}

/// The first message of a client that speaks version 3.`minor` and knows no extension.
fn hello_of(minor: u8) -> Vec<u8> {
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, minor];
    hello.extend([7; 32]);
    // No session, one suite (ECDHE_ECDSA with AES_128_GCM), no compression.
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    hello
}

#[test]
fn nothing_in_common_is_told_and_counted_by_what_it_is() {
    let mut old = terms();
    old.allows_tls12 = false;
    let old = old.acceptor().expect("sound terms");
    let mut client_of_12 = client_for(SUITES[3]);
    let failure = shake(&old, &mut client_of_12, usize::MAX).expect_err("no version");
    assert_eq!(failure.reason, FailReason::Version, "{failure}");

    let terms = ClientTerms {
        suites: vec![SUITES[1]],
        ..ClientTerms::default()
    };
    let mut other_suite = client(&terms.config(), "localhost");
    let failure = shake(&acceptor(SUITES[0]), &mut other_suite, usize::MAX);
    assert_eq!(failure.expect_err("no suite").reason, FailReason::Cipher);

    // RFC 5246 section 7.4.1.4.1: only from TLS 1.2 on clients say which signatures they know.
    for (minor, expected, alert) in [
        (1, FailReason::Version, 70),
        (2, FailReason::Version, 70),
        (3, FailReason::Cipher, 40),
    ] {
        let server = Handshake::new(&acceptor(SUITES[3])).expect("a handshake");
        let mut output = Vec::new();
        let Side::Failed(failure) = feed(server, &mut hello_of(minor), &mut output) else {
            panic!("a client of version 3.{minor} goes on");
        };
        assert_eq!(failure.reason, expected, "3.{minor}: {failure}");
        assert_eq!(output, [21, 3, 3, 0, 2, 2, alert], "3.{minor}");
    }

    let terms = ClientTerms {
        protocols: vec![b"gopher".to_vec()],
        ..ClientTerms::default()
    };
    let mut other_protocol = client(&terms.config(), "localhost");
    let failure = shake(&acceptor(SUITES[0]), &mut other_protocol, usize::MAX);
    assert_eq!(
        failure.expect_err("no protocol").reason,
        FailReason::Protocol
    );
}

#[test]
fn a_client_that_does_not_trust_the_certificate_says_so() {
    for suite in [SUITES[0], SUITES[3]] {
        let stranger = made(&["localhost"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let terms = ClientTerms {
            tls12_only: !suite.starts_with("TLS13"),
            roots: vec![stranger.root],
            ..ClientTerms::default()
        };
        let mut client = client(&terms.config(), "localhost");
        let failure = shake(&acceptor(suite), &mut client, usize::MAX).expect_err("no trust");
        assert_eq!(failure.reason, FailReason::ClientAlert, "{failure}");
    }
}

#[test]
fn client_certificates_are_asked_for_or_required() {
    let known = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let stranger = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let roots = vec![known.root.clone()];
    let asked = ClientCertificates::Asked(roots.clone());
    let required = ClientCertificates::Required(roots);
    let missing = Some(FailReason::ClientCertificateMissing);
    let refused = Some(FailReason::ClientCertificateRefused);
    let cases = [
        (&asked, None, None),
        (&asked, Some(&known), None),
        (&asked, Some(&stranger), refused),
        (&required, None, missing),
        (&required, Some(&known), None),
        (&required, Some(&stranger), refused),
        (&ClientCertificates::NotAsked, Some(&known), None),
    ];
    for tls12_only in [false, true] {
        for (demand, shown, expected) in &cases {
            let mut terms = terms();
            terms.client_certificates = (*demand).clone();
            let acceptor = terms.acceptor().expect("sound terms");
            let certificate = shown.map(|made| (vec![made.root.clone()], made.private.clone_key()));
            let terms = ClientTerms {
                tls12_only,
                certificate,
                ..ClientTerms::default()
            };
            let mut client = client(&terms.config(), "localhost");
            let over = shake(&acceptor, &mut client, usize::MAX);
            match (over, expected) {
                (Ok(over), None) => {
                    let is_asked = !matches!(demand, ClientCertificates::NotAsked);
                    let chain = shown.filter(|_| is_asked).map(|made| &made.root);
                    assert_eq!(over.facts.client_chain.first(), chain);
                }
                (Err(failure), Some(expected)) => {
                    assert_eq!(failure.reason, *expected, "{failure}");
                }
                (other, _) => panic!("{demand:?} {other:?}"),
            }
        }
    }
}

#[test]
fn a_listener_without_client_roots_says_so() {
    let mut terms = terms();
    terms.client_certificates = ClientCertificates::Required(Vec::new());
    assert!(terms.acceptor().is_err());
    terms.client_certificates = ClientCertificates::Required(vec![vec![0x30, 0].into()]);
    let error = terms.acceptor().expect_err("no certificate").to_string();
    assert!(error.contains("client root 1"), "{error}");
}

#[test]
fn clients_with_rsa_only_get_the_certificate_with_rsa() {
    let suites = vec![SUITES[6]];
    let terms_of_client = ClientTerms {
        tls12_only: true,
        suites,
        ..ClientTerms::default()
    };
    let mut client = client(&terms_of_client.config(), "localhost");
    let acceptor = terms().acceptor().expect("sound terms");
    let facts = established(&acceptor, &mut client).facts;
    assert_eq!(facts.cipher, SUITES[6]);
    let shown = client.peer_certificates().expect("a certificate");
    assert_eq!(shown[0], localhost().rsa.root);
}

/// What a client sends in its flights, when the server is one of `acceptor`.
fn flights(acceptor: &Acceptor, client: &mut ClientConnection) -> Vec<Vec<u8>> {
    let mut server = Handshake::new(acceptor).expect("a handshake");
    let mut flights = Vec::new();
    loop {
        let mut input = drain(client);
        flights.push(input.clone());
        let mut output = Vec::new();
        match feed(server, &mut input, &mut output) {
            Side::Going(same) => server = same,
            Side::Over(_) => return flights,
            Side::Failed(failure) => panic!("{failure}"),
        }
        give(client, &output).expect("sound");
    }
}

/// Where the records of a flight begin.
fn record_starts(flight: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let [_, _, _, high, low, ..] = flight[at..] {
        starts.push(at);
        at += 5 + usize::from(u16::from_be_bytes([high, low]));
    }
    starts
}

#[test]
fn a_first_flight_with_any_byte_altered_ends_in_an_alert_or_goes_on() {
    for suite in [SUITES[0], SUITES[3]] {
        let acceptor = acceptor(suite);
        let flight = flights(&acceptor, &mut client_for(suite)).swap_remove(0);
        for at in 0..flight.len() {
            let mut altered = flight.clone();
            altered[at] ^= 0x55;
            let server = Handshake::new(&acceptor).expect("a handshake");
            let mut output = Vec::new();
            match feed(server, &mut altered, &mut output) {
                Side::Going(_) => {}
                Side::Over(_) => panic!("over after one flight"),
                Side::Failed(failure) => {
                    let is_plain = failure.reason == FailReason::PlainHttp;
                    assert_ne!(output.is_empty(), !is_plain, "{at}: {failure}");
                    assert_ne!(failure.reason, FailReason::Internal, "{at}: {failure}");
                }
            }
        }
    }
}

#[test]
fn a_last_flight_with_any_byte_altered_ends_in_an_alert_or_goes_on() {
    let known = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let mut demands = terms();
    demands.client_certificates = ClientCertificates::Required(vec![known.root.clone()]);
    let acceptor = demands.acceptor().expect("sound terms");
    for tls12_only in [false, true] {
        let of_client = ClientTerms {
            tls12_only,
            certificate: Some((vec![known.root.clone()], known.private.clone_key())),
            ..ClientTerms::default()
        };
        let config = of_client.config();
        let length = flights(&acceptor, &mut client(&config, "localhost"))[1].len();
        for at in 0..length {
            let mut client = client(&config, "localhost");
            let mut server = Handshake::new(&acceptor).expect("a handshake");
            let mut output = Vec::new();
            match feed(server, &mut drain(&mut client), &mut output) {
                Side::Going(same) => server = same,
                _ => panic!("over after one flight"),
            }
            give(&mut client, &output).expect("sound");
            let mut altered = drain(&mut client);
            // Signatures differ in length by a byte or two.
            let at = at.min(altered.len() - 1);
            // The minor version of a record in the clear is looked at by nobody (RFC 8446 section 5.1).
            let is_minor = record_starts(&altered).contains(&at.wrapping_sub(2));
            altered[at] ^= 0x55;
            output.clear();
            match feed(server, &mut altered, &mut output) {
                Side::Going(_) => {}
                Side::Over(_) => assert!(is_minor, "{at}: established"),
                Side::Failed(failure) => {
                    assert!(!output.is_empty(), "{at}: {failure}");
                    assert_ne!(failure.reason, FailReason::Internal, "{at}: {failure}");
                }
            }
        }
    }
}
