//! Alerts before there is a session: which one a client gets for which fault, and that none is in the clear once the
//! client expects records that are encrypted.

use crate::forge::{Forge, HANDSHAKE};
use crate::world::{
    ClientTerms, NOW, SUITES, Side, acceptor, client, client_for, drain, established, feed, give,
    localhost, shake, terms,
};
use ringgate::tls::handshake::Handshake;
use ringgate::tls::handshake::failure::FailReason;
use ringgate::tls::handshake::terms::Acceptor;
use ringgate::tls::identity::Identities;
use ringgate::tls::record::Aead;
use ringgate::tls::tickets::TicketSecret;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, KeyLog,
    SignatureScheme,
};
use std::sync::{Arc, Mutex};

/// The fatal alert of this number as a record that is not encrypted.
fn in_the_clear(alert: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, alert]
}

#[track_caller]
fn going(side: Side) -> Box<Handshake> {
    match side {
        Side::Going(handshake) => handshake,
        Side::Over(_) => panic!("over already"),
        Side::Failed(failure) => panic!("{failure}"),
    }
}

#[test]
fn each_fault_of_a_first_flight_has_its_cause_and_its_alert() {
    // The first eight bytes of a ClientHello of 64.
    let half: &[u8] = &[22, 3, 1, 0, 8, 1, 0, 0, 64, 3, 3, 7, 7];
    // A row: records, each of which comes by itself, the cause, and the alert (RFC 8446 section 6.2).
    type Row<'a> = (&'a [&'a [u8]], FailReason, u8);
    let rows: [Row<'_>; 11] = [
        (&[&[0x80, 0x2e, 1, 3, 1, 0, 0]], FailReason::NotTls, 50),
        (&[&[22, 0, 2, 0, 2, 1, 7]], FailReason::NotTls, 50),
        (&[&[22, 0xfe, 0xfd, 0, 2, 1, 7]], FailReason::NotTls, 50),
        (&[&[22, 9, 9, 0, 4, 1, 0, 0, 0]], FailReason::NotTls, 50),
        (&[&[22, 3, 1, 0, 4, 1, 0, 0, 0]], FailReason::Malformed, 50),
        (
            &[&[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]],
            FailReason::Malformed,
            50,
        ),
        (&[&[22, 3, 1, 0x48, 1, 1]], FailReason::Malformed, 50),
        (&[half, &[22, 9, 9, 0, 1, 1]], FailReason::NotTls, 50),
        (&[&[23, 3, 3, 0, 1, 0]], FailReason::Misbehaved, 10),
        (&[half, &[23, 3, 3, 0, 1, 0]], FailReason::Misbehaved, 10),
        (
            &[half, &[21, 3, 3, 0, 2, 1, 90]],
            FailReason::Misbehaved,
            10,
        ),
    ];
    for (records, expected, alert) in rows {
        let mut server = Handshake::new(&acceptor(SUITES[0])).expect("a handshake");
        let (mut input, mut output) = (Vec::new(), Vec::new());
        let (last, before) = records.split_last().expect("a record");
        for record in before {
            input.extend(*record);
            server = going(feed(server, &mut input, &mut output));
        }
        assert!(output.is_empty());
        input.extend(*last);
        let Side::Failed(failure) = feed(server, &mut input, &mut output) else {
            panic!("not refused: {records:?}");
        };
        assert_eq!(failure.reason, expected, "{records:?}: {failure}");
        assert_eq!(output, in_the_clear(alert), "{records:?}: {failure}");
    }
}

#[test]
fn bytes_that_were_not_used_and_are_not_shown_again_are_a_fault_of_this_side() {
    let mut input = vec![22, 3, 1, 0, 8, 1, 0, 0, 64, 3, 3, 7, 7];
    let server = Handshake::new(&acceptor(SUITES[0])).expect("a handshake");
    let mut output = Vec::new();
    let server = going(feed(server, &mut input, &mut output));
    input.pop();
    let Side::Failed(failure) = feed(server, &mut input, &mut output) else {
        panic!("not noticed");
    };
    assert_eq!(failure.reason, FailReason::Internal);
    assert_eq!(
        failure.detail,
        "bytes that were not used are not shown again"
    );
    assert!(output.is_empty());
}

/// A server that has answered the first flight of this client.
fn after_one_flight(acceptor: &Acceptor, client: &mut ClientConnection) -> Box<Handshake> {
    let server = Handshake::new(acceptor).expect("a handshake");
    let mut output = Vec::new();
    let server = going(feed(server, &mut drain(client), &mut output));
    give(client, &output).expect("sound");
    server
}

/// The output of a server that gets this record, in which a message claims to be too long.
fn told(server: Box<Handshake>, mut record: Vec<u8>) -> Vec<u8> {
    let mut output = Vec::new();
    let Side::Failed(failure) = feed(server, &mut record, &mut output) else {
        panic!("not refused");
    };
    assert_eq!(failure.reason, FailReason::Malformed, "{failure}");
    output
}

/// A message of more bytes than any has.
const TOO_LONG: [u8; 4] = [20, 0xff, 0xff, 0xff];

/// RFC 5246 section 7.2: alerts are encrypted as the connection is at that moment. Until a full handshake of TLS 1.2
/// ends, nothing of it is.
#[test]
fn an_alert_in_the_middle_of_a_full_handshake_of_tls_1_2_can_be_read() {
    let server = after_one_flight(&acceptor(SUITES[3]), &mut client_for(SUITES[3]));
    let record = [&[22, 3, 3, 0, 4][..], &TOO_LONG].concat();
    assert_eq!(told(server, record), in_the_clear(50));
}

/// A resumed session of TLS 1.2 has its keys in force with the server's first flight.
#[test]
fn no_alert_is_in_the_clear_once_a_session_of_tls_1_2_is_resumed() {
    let acceptor = terms().acceptor().expect("sound terms");
    let acceptor = acceptor.with_tickets(&TicketSecret::new([7; 32]), NOW);
    let config = ClientTerms {
        tls12_only: true,
        ..ClientTerms::default()
    };
    let config = config.config();
    established(&acceptor, &mut client(&config, "localhost"));
    let server = after_one_flight(&acceptor, &mut client(&config, "localhost"));
    let record = [&[22, 3, 3, 0, 4][..], &TOO_LONG].concat();
    let output = told(server, record);
    assert!(!output.ends_with(&in_the_clear(50)), "{output:?}");
}

/// The key log of a client, which keeps the secret of its handshake.
#[derive(Debug, Default)]
struct Overheard(Mutex<Vec<u8>>);

impl KeyLog for Overheard {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label == "CLIENT_HANDSHAKE_TRAFFIC_SECRET" {
            *self.0.lock().expect("unpoisoned") = secret.to_vec();
        }
    }
}

/// RFC 8446 section 5: all records behind a ServerHello are encrypted.
#[test]
fn no_alert_is_in_the_clear_once_tls_1_3_has_its_keys() {
    let overheard = Arc::new(Overheard::default());
    let mut config = ClientConfig::clone(&ClientTerms::default().config());
    config.key_log = overheard.clone();
    let mut client = client(&Arc::new(config), "localhost");
    let server = after_one_flight(&acceptor(SUITES[0]), &mut client);
    let secret = overheard.0.lock().expect("unpoisoned").clone();
    let mut forge = Forge::of_secret(Aead::Aes128Gcm, secret);
    let output = told(server, forge.record(HANDSHAKE, &TOO_LONG));
    assert!(!output.ends_with(&in_the_clear(50)), "{output:?}");
}

/// A client that takes any certificate of a key that it knows.
#[derive(Debug)]
struct Knows(Vec<SignatureScheme>);

impl ServerCertVerifier for Knows {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

#[test]
fn a_client_is_shown_a_certificate_that_it_can_check_and_told_if_there_is_none() {
    let both = terms().acceptor().expect("sound terms");
    let mut ecdsa_only = terms();
    let identities = Identities::new(vec![localhost().ecdsa.identity()]);
    ecdsa_only.identities = Arc::new(identities.expect("one"));
    let ecdsa_only = ecdsa_only.acceptor().expect("sound terms");
    for tls12_only in [false, true] {
        let of_client = ClientTerms {
            tls12_only,
            ..ClientTerms::default()
        };
        let mut config = ClientConfig::clone(&of_client.config());
        let rsa = vec![SignatureScheme::RSA_PSS_SHA256];
        let knows = Arc::new(Knows(rsa));
        config.dangerous().set_certificate_verifier(knows);
        let config = Arc::new(config);

        let mut served = client(&config, "localhost");
        established(&both, &mut served);
        let shown = served.peer_certificates().expect("a certificate");
        assert_eq!(shown[0], localhost().rsa.root);

        let mut refused = client(&config, "localhost");
        let failure = shake(&ecdsa_only, &mut refused, usize::MAX).expect_err("no certificate");
        assert_eq!(failure.reason, FailReason::Cipher, "{failure}");
        assert_eq!(failure.detail, "no certificate that the client can check");
        let mut refused = client(&config, "localhost");
        let server = Handshake::new(&ecdsa_only).expect("a handshake");
        let mut output = Vec::new();
        let side = feed(server, &mut drain(&mut refused), &mut output);
        assert!(matches!(side, Side::Failed(_)));
        let told = give(&mut refused, &output).expect_err("an alert");
        let expected = AlertDescription::HandshakeFailure;
        assert_eq!(told, Error::AlertReceived(expected), "{tls12_only}");
    }
}
