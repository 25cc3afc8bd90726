//! Tickets: whoever has the secret takes them, and a ticket never opens a door that asks for more.

use crate::world::{ClientTerms, NOW, Side, client, drain, established, feed, give, made};
use crate::world::{moved, open_all, read, request, shake, terms};
use ringgate::tls::handshake::Handshake;
use ringgate::tls::handshake::failure::FailReason;
use ringgate::tls::handshake::terms::{Acceptor, ClientCertificates, Terms};
use ringgate::tls::record::{KeyCache, Records};
use ringgate::tls::tickets::{EPOCH_SECS, TicketSecret};
use rustls::ClientConfig;
use rustls::pki_types::{PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn with_secret(terms: &Terms, secret: u8, unix_secs: u64) -> Acceptor {
    let acceptor = terms.acceptor().expect("sound terms");
    acceptor.with_tickets(&TicketSecret::new([secret; 32]), unix_secs)
}

/// One connection of the client; whether it was resumed.
fn visit(acceptor: &Acceptor, config: &Arc<ClientConfig>) -> bool {
    let mut client = client(config, "localhost");
    let over = established(acceptor, &mut client);
    let mut session = moved(over.session);
    let sent = request(&mut client, b"question");
    let mut keys = KeyCache::default();
    assert_eq!(open_all(&mut session, &mut keys, sent), b"question");
    let mut out = Records::default();
    session
        .seal(&mut keys, &[b"answer"], &mut out)
        .expect("sealed");
    give(&mut client, &out).expect("sound");
    assert_eq!(read(&mut client), b"answer");
    over.facts.is_resumed
}

fn clients() -> [Arc<ClientConfig>; 2] {
    [false, true].map(|tls12_only| {
        let terms = ClientTerms {
            tls12_only,
            ..ClientTerms::default()
        };
        terms.config()
    })
}

#[test]
fn a_ticket_is_taken_by_whoever_has_the_secret() {
    for config in clients() {
        let here = with_secret(&terms(), 7, NOW);
        assert!(!visit(&here, &config), "the first is full");
        assert!(visit(&here, &config));
        let elsewhere = with_secret(&terms(), 7, NOW);
        assert!(visit(&elsewhere, &config));
        assert!(!visit(&with_secret(&terms(), 8, NOW), &config));
    }
}

#[test]
fn a_ticket_is_taken_for_three_epochs_and_then_no_more() {
    for config in clients() {
        assert!(!visit(&with_secret(&terms(), 7, NOW), &config));
        let later = with_secret(&terms(), 7, NOW + 2 * EPOCH_SECS);
        assert!(visit(&later, &config));
        let too_late = with_secret(&terms(), 7, NOW + 5 * EPOCH_SECS);
        assert!(!visit(&too_late, &config));
    }
    let acceptor = with_secret(&terms(), 7, NOW);
    let due = acceptor.tickets_due_at().expect("tickets");
    assert!(due > NOW && due <= NOW + EPOCH_SECS && due.is_multiple_of(EPOCH_SECS));
}

/// RFC 5077 section 3.3: a ticket says for how many seconds it is worth being kept.
#[test]
fn a_ticket_says_for_how_long_it_is_surely_taken() {
    let acceptor = with_secret(&terms(), 7, NOW);
    let due_at = acceptor.tickets_due_at();
    let shown = format!("Acceptor {{ tickets_due_at: {due_at:?}, .. }}");
    assert_eq!(format!("{acceptor:?}"), shown);
    let [_, config] = clients();
    let mut client = client(&config, "localhost");
    let mut server = Handshake::new(&acceptor).expect("a handshake");
    let last = loop {
        let (mut input, mut output) = (drain(&mut client), Vec::new());
        match feed(server, &mut input, &mut output) {
            Side::Going(same) => server = same,
            Side::Over(_) => break output,
            Side::Failed(failure) => panic!("{failure}"),
        }
        give(&mut client, &output).expect("sound");
    };
    // A record in the clear: NewSessionTicket, its length, and the seconds.
    let [22, 3, 3, _, _, 4, _, _, _, a, b, c, d, ..] = last[..] else {
        panic!("no ticket in {last:?}");
    };
    assert_eq!(u32::from_be_bytes([a, b, c, d]), 12 * 60 * 60);
    assert_eq!(2 * EPOCH_SECS, 12 * 60 * 60);
}

#[test]
fn without_tickets_nothing_is_resumed() {
    for config in clients() {
        let acceptor = terms().acceptor().expect("sound terms");
        assert!(!visit(&acceptor, &config));
        assert!(!visit(&acceptor, &config));
        assert_eq!(acceptor.tickets_due_at(), None);
    }
}

#[test]
fn a_ticket_is_taken_only_where_the_same_is_demanded_of_clients() {
    let known = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let other = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let one = vec![known.root.clone()];
    let two = vec![known.root.clone(), other.root.clone()];
    let demands = [
        ClientCertificates::NotAsked,
        ClientCertificates::Asked(one.clone()),
        ClientCertificates::Asked(two.clone()),
        ClientCertificates::Required(one),
        ClientCertificates::Required(two),
    ];
    let acceptors = demands.map(|client_certificates| {
        let terms = Terms {
            client_certificates,
            ..terms()
        };
        with_secret(&terms, 7, NOW)
    });
    for tls12_only in [false, true] {
        for (from, first) in acceptors.iter().enumerate() {
            for (to, second) in acceptors.iter().enumerate() {
                let config = ClientTerms {
                    tls12_only,
                    certificate: Some((vec![known.root.clone()], known.private.clone_key())),
                    ..ClientTerms::default()
                };
                let config = config.config();
                assert!(!visit(first, &config), "the first is full");
                assert_eq!(visit(second, &config), from == to, "{from} {to}");
            }
        }
    }
}

#[test]
fn a_client_without_a_certificate_is_not_let_in_by_a_ticket_where_one_is_required() {
    let known = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let roots = vec![known.root];
    let asks = Terms {
        client_certificates: ClientCertificates::Asked(roots.clone()),
        ..terms()
    };
    let requires = Terms {
        client_certificates: ClientCertificates::Required(roots),
        ..terms()
    };
    for config in clients() {
        for open in [&asks, &terms()] {
            assert!(!visit(&with_secret(open, 7, NOW), &config));
            let strict = with_secret(&requires, 7, NOW);
            let refused = shake(&strict, &mut client(&config, "localhost"), usize::MAX);
            let reason = refused.expect_err("no certificate").reason;
            assert_eq!(reason, FailReason::ClientCertificateMissing);
        }
    }
}

#[test]
fn a_resumed_session_still_has_the_clients_certificate() {
    let known = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let mut requires = terms();
    requires.client_certificates = ClientCertificates::Required(vec![known.root.clone()]);
    let strict = with_secret(&requires, 7, NOW);
    for tls12_only in [false, true] {
        let config = ClientTerms {
            tls12_only,
            certificate: Some((vec![known.root.clone()], known.private.clone_key())),
            ..ClientTerms::default()
        };
        let config = config.config();
        for is_resumed in [false, true] {
            let mut client = client(&config, "localhost");
            let facts = established(&strict, &mut client).facts;
            assert_eq!(facts.is_resumed, is_resumed);
            assert_eq!(facts.client_chain, std::slice::from_ref(&known.root));
            assert_eq!(facts.server_name.as_deref(), Some("localhost"));
        }
    }
}

/// The server's clock, in seconds since 1970.
#[derive(Debug)]
struct Clock(AtomicU64);

impl Clock {
    fn set(&self, unix_secs: u64) {
        self.0.store(unix_secs, Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = Duration::from_secs(self.0.load(Ordering::Relaxed));
        Some(UnixTime::since_unix_epoch(now))
    }
}

/// An acceptor with tickets that are taken throughout a test, and its clock.
fn at_a_clock(terms: &Terms) -> (Acceptor, Arc<Clock>) {
    let clock = Arc::new(Clock(AtomicU64::new(NOW)));
    let acceptor = terms.acceptor_at(clock.clone()).expect("sound terms");
    let acceptor = acceptor.with_tickets(&TicketSecret::new([7; 32]), NOW);
    (acceptor, clock)
}

/// RFC 8446 section 4.6.1.
#[test]
fn a_session_is_resumed_no_longer_than_the_clients_certificate_is_valid() {
    // Midnight of the day after `NOW`.
    const END: u64 = 1_800_057_600;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let mut params = rcgen::CertificateParams::new(vec!["client".to_owned()]).expect("names");
    params.not_after = rcgen::date_time_ymd(2027, 1, 16);
    let root = params.self_signed(&key).expect("signed").der().clone();
    let requires = Terms {
        client_certificates: ClientCertificates::Required(vec![root.clone()]),
        ..terms()
    };
    for tls12_only in [false, true] {
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ClientTerms {
            tls12_only,
            certificate: Some((vec![root.clone()], private)),
            ..ClientTerms::default()
        };
        let config = config.config();
        let (strict, clock) = at_a_clock(&requires);
        assert!(!visit(&strict, &config), "the first is full");
        for now in [END - 2, END - 1] {
            clock.set(now);
            assert!(visit(&strict, &config), "{now}");
        }
        clock.set(END + 1);
        let refused = shake(&strict, &mut client(&config, "localhost"), usize::MAX);
        let refused = refused.expect_err("its certificate has expired");
        assert_eq!(refused.reason, FailReason::ClientCertificateRefused);
        assert!(refused.detail.contains("expired"), "{refused}");
    }
}

#[test]
fn a_chain_of_sessions_ends_a_day_after_its_full_handshake() {
    const DAY_SECS: u64 = 24 * 60 * 60;
    for config in clients() {
        let (acceptor, clock) = at_a_clock(&terms());
        for (later, is_resumed) in [
            (0, false),
            (DAY_SECS / 2, true),
            (DAY_SECS - 1, true),
            (DAY_SECS, false),
            (DAY_SECS + 1, true),
            (2 * DAY_SECS - 1, true),
            (2 * DAY_SECS, false),
        ] {
            clock.set(NOW + later);
            assert_eq!(visit(&acceptor, &config), is_resumed, "after {later} s");
        }
    }
}
