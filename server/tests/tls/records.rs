//! What is received: what opens, what does not, and which alert says so.

use crate::forge::{ALERT, CHANGE_CIPHER_SPEC, DATA, Ends, HANDSHAKE, KINDS, ends, ends_at};
use crate::world::open_all;
use ringgate::tls::record::{
    Aead, Alert, Ended, KeyCache, Opened, PLAIN_SIZE_BYTES_MAX, Reason, Session, Version,
};

/// The alert for `bytes`, which must be refused.
#[track_caller]
fn refused(session: &mut Session, mut bytes: Vec<u8>) -> (Alert, Reason) {
    match session.open(&mut KeyCache::default(), &mut bytes) {
        Err(Ended::ByUs(fault)) => (fault.alert, fault.reason),
        other => panic!("not refused: {other:?}"),
    }
}

#[track_caller]
fn opened(session: &mut Session, mut bytes: Vec<u8>) -> Opened {
    let opened = session.open(&mut KeyCache::default(), &mut bytes);
    opened.expect("a sound record")
}

#[test]
fn data_of_each_version_and_suite_is_opened_where_it_lies() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let mut keys = KeyCache::default();
        for length in [1, 78, 1399, PLAIN_SIZE_BYTES_MAX] {
            let plain = vec![0x5a; length];
            let mut record = peer.record(DATA, &plain);
            let size = record.len();
            match session.open(&mut keys, &mut record) {
                Ok(Opened::Data { plain: at, used }) => {
                    assert_eq!((used, &record[at]), (size, &plain[..]));
                }
                other => panic!("{version:?} {aead:?} {length}: {other:?}"),
            }
        }
        assert_eq!(session.records(), (4, 0));
    }
}

#[test]
fn a_record_in_pieces_is_asked_for_and_left_alone_until_it_is_whole() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let record = peer.record(DATA, b"question");
        for cut in 0..record.len() {
            let mut piece = record[..cut].to_vec();
            let needs = session.open(&mut KeyCache::default(), &mut piece);
            let expected = if cut < 5 { 5 } else { record.len() };
            assert_eq!(needs, Ok(Opened::Needs(expected)), "{cut}");
            assert_eq!(piece, record[..cut], "untouched");
        }
        let data = open_all(&mut session, &mut KeyCache::default(), record);
        assert_eq!(data, b"question");
    }
}

#[test]
fn several_records_in_one_slice_are_opened_one_a_call() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let mut bytes = Vec::new();
        for text in [&b"one"[..], b"", b"two", b"three"] {
            bytes.extend(peer.record(DATA, text));
        }
        let data = open_all(&mut session, &mut KeyCache::default(), bytes);
        assert_eq!(data, b"onetwothree");
    }
}

#[test]
fn a_record_with_any_bit_altered_is_a_bad_mac() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let record = peer.record(DATA, b"question");
        for at in 5..record.len() {
            let mut altered = record.clone();
            altered[at] ^= 1 << (at % 8);
            let told = refused(&mut session, altered);
            assert_eq!(told, (Alert::BAD_RECORD_MAC, Reason::DoesNotOpen), "{at}");
        }
    }
}

#[test]
fn a_record_cut_at_its_end_with_its_length_put_right_is_a_bad_mac() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let record = peer.record(DATA, b"question");
        for length in 0..record.len() - 5 {
            let mut cut = record[..5 + length].to_vec();
            cut[4] = length as u8;
            assert_eq!(
                refused(&mut session, cut).0,
                Alert::BAD_RECORD_MAC,
                "{length}"
            );
        }
    }
}

#[test]
fn a_record_that_is_replayed_or_out_of_order_or_left_out_is_a_bad_mac() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let records = [peer.record(DATA, b"one"), peer.record(DATA, b"two")];
        assert_eq!(
            refused(&mut session, records[1].clone()).0,
            Alert::BAD_RECORD_MAC
        );
        let Ends { mut session, .. } = ends(version, aead);
        opened(&mut session, records[0].clone());
        assert_eq!(
            refused(&mut session, records[0].clone()).0,
            Alert::BAD_RECORD_MAC
        );
    }
}

#[test]
fn a_record_that_is_too_long_is_refused_by_its_header() {
    for (version, aead) in KINDS {
        let Ends { mut session, .. } = ends(version, aead);
        let most: u16 = (1 << 14) + if version == Version::Tls13 { 256 } else { 2048 };
        let [high, low] = most.to_be_bytes();
        let header = vec![DATA, 3, 3, high, low];
        assert!(matches!(opened(&mut session, header), Opened::Needs(_)));
        let [high, low] = (most + 1).to_be_bytes();
        let told = refused(&mut session, vec![DATA, 3, 3, high, low]);
        assert_eq!(told, (Alert::RECORD_OVERFLOW, Reason::TooLong));
    }
}

#[test]
fn a_plaintext_that_is_too_long_is_refused_though_its_record_is_not() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let record = peer.record(DATA, &vec![7; PLAIN_SIZE_BYTES_MAX + 1]);
        assert_eq!(refused(&mut session, record).0, Alert::RECORD_OVERFLOW);
    }
    // Padding counts (RFC 8446 section 5.4).
    let Ends {
        mut session,
        mut peer,
        ..
    } = ends(Version::Tls13, Aead::Aes128Gcm);
    let mut inner = vec![7; PLAIN_SIZE_BYTES_MAX];
    inner.extend([DATA, 0]);
    let told = refused(&mut session, peer.inner(&inner));
    assert_eq!(told.0, Alert::RECORD_OVERFLOW);
}

#[test]
fn bytes_that_are_no_record_cannot_be_decoded() {
    for (version, aead) in KINDS {
        let Ends { mut session, .. } = ends(version, aead);
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            &[0x80, 0x2e, 1, 0, 2],
            &[23, 2, 0, 0, 1],
        ] {
            let told = refused(&mut session, bytes.to_vec());
            assert_eq!(told, (Alert::DECODE_ERROR, Reason::NotARecord));
        }
    }
}

#[test]
fn a_change_of_ciphers_and_records_in_the_clear_are_unexpected() {
    for (version, aead) in KINDS {
        let Ends { mut session, .. } = ends(version, aead);
        let change = vec![CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1];
        let told = refused(&mut session, change);
        assert_eq!(told, (Alert::UNEXPECTED_MESSAGE, Reason::InTheClear));
        // In TLS 1.2 the kind stands outside, and the record does not open.
        let expected = match version {
            Version::Tls13 => Alert::UNEXPECTED_MESSAGE,
            Version::Tls12 => Alert::BAD_RECORD_MAC,
        };
        for kind in [ALERT, HANDSHAKE] {
            let told = refused(&mut session, vec![kind, 3, 3, 0, 2, 1, 0]);
            assert_eq!(told.0, expected, "{kind}");
        }
    }
}

#[test]
fn padding_is_taken_off_and_nothing_but_padding_is_unexpected() {
    let Ends {
        mut session,
        mut peer,
        ..
    } = ends(Version::Tls13, Aead::Aes256Gcm);
    let record = peer.inner(b"hidden\x17\0\0\0");
    let data = open_all(&mut session, &mut KeyCache::default(), record);
    assert_eq!(data, b"hidden");
    let told = refused(&mut session, peer.inner(b"\0\0\0"));
    assert_eq!(told, (Alert::UNEXPECTED_MESSAGE, Reason::UnknownKind));
    let Ends {
        mut session,
        mut peer,
        ..
    } = ends(Version::Tls13, Aead::Aes256Gcm);
    let told = refused(&mut session, peer.record(24, b"heartbeat"));
    assert_eq!(told, (Alert::UNEXPECTED_MESSAGE, Reason::UnknownKind));
}

#[test]
fn close_notify_a_warning_and_a_fatal_alert_are_told_apart() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let harmless = match version {
            Version::Tls13 => [1, 90],
            Version::Tls12 => [1, 112],
        };
        let warned = opened(&mut session, peer.record(ALERT, &harmless));
        assert!(matches!(warned, Opened::Ignored { .. }), "{warned:?}");
        let closed = opened(&mut session, peer.record(ALERT, &[1, 0]));
        assert!(matches!(closed, Opened::Closed { .. }), "{closed:?}");
        let mut fatal = peer.record(ALERT, &[2, 42]);
        let ended = session.open(&mut KeyCache::default(), &mut fatal);
        assert_eq!(ended, Err(Ended::ByPeer(Alert(42))));
    }
}

#[test]
fn an_alert_of_another_length_is_refused() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let told = refused(&mut session, peer.record(ALERT, &[2]));
        assert_eq!(told, (Alert::DECODE_ERROR, Reason::MalformedAlert));
        let told = refused(&mut session, peer.record(ALERT, &[2, 20, 2]));
        assert_eq!(told.0, Alert::DECODE_ERROR);
        let told = refused(&mut session, peer.record(ALERT, &[]));
        let expected = match version {
            Version::Tls13 => Alert::UNEXPECTED_MESSAGE,
            Version::Tls12 => Alert::DECODE_ERROR,
        };
        assert_eq!(told.0, expected);
    }
}

#[test]
fn a_key_update_in_pieces_counts_when_it_is_whole() {
    let Ends {
        mut session,
        mut peer,
        ..
    } = ends(Version::Tls13, Aead::Aes128Gcm);
    for piece in [&[24, 0][..], &[0], &[1]] {
        let part = opened(&mut session, peer.record(HANDSHAKE, piece));
        assert!(matches!(part, Opened::Ignored { .. }) && !session.is_update_due());
    }
    let whole = opened(&mut session, peer.record(HANDSHAKE, &[1]));
    assert!(matches!(whole, Opened::KeyUpdated { .. }) && session.is_update_due());
    peer.advance();
    let record = peer.record(DATA, b"after");
    assert_eq!(
        open_all(&mut session, &mut KeyCache::default(), record),
        b"after"
    );
}

#[test]
fn a_handshake_message_that_is_no_key_update_is_refused() {
    let cases: [(&[u8], Alert); 7] = [
        (&[24, 0, 0, 1, 0, 24, 0, 0, 1, 0], Alert::UNEXPECTED_MESSAGE),
        (&[24, 0, 0, 1, 2], Alert::ILLEGAL_PARAMETER),
        (&[24, 0, 0, 2, 0], Alert::DECODE_ERROR),
        (&[24, 0, 0, 0], Alert::DECODE_ERROR),
        (&[4, 0, 0, 1, 0], Alert::UNEXPECTED_MESSAGE),
        (&[1], Alert::UNEXPECTED_MESSAGE),
        (&[], Alert::UNEXPECTED_MESSAGE),
    ];
    for (message, expected) in cases {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(Version::Tls13, Aead::Aes128Gcm);
        let told = refused(&mut session, peer.record(HANDSHAKE, message));
        assert_eq!(told.0, expected, "{message:?}");
    }
}

#[test]
fn a_record_between_the_parts_of_a_message_is_unexpected() {
    for kind in [DATA, ALERT] {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(Version::Tls13, Aead::Aes128Gcm);
        opened(&mut session, peer.record(HANDSHAKE, &[24, 0]));
        let told = refused(&mut session, peer.record(kind, &[1, 0]));
        assert_eq!(told, (Alert::UNEXPECTED_MESSAGE, Reason::UnexpectedMessage));
    }
}

#[test]
fn renegotiation_is_refused_by_name() {
    for aead in [Aead::Aes128Gcm, Aead::Aes256Gcm, Aead::ChaCha20Poly1305] {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(Version::Tls12, aead);
        let told = refused(&mut session, peer.record(HANDSHAKE, &[1, 0, 0, 0]));
        assert_eq!(told, (Alert::NO_RENEGOTIATION, Reason::Renegotiation));
    }
}

#[test]
fn the_thirty_third_record_without_data_ends_the_connection() {
    let (update, empty, warning) = ([24, 0, 0, 1, 1], [], [1, 90]);
    let cases = [
        (HANDSHAKE, &update[..]),
        (DATA, &empty[..]),
        (ALERT, &warning[..]),
    ];
    for (kind, content) in cases {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(Version::Tls13, Aead::ChaCha20Poly1305);
        let mut say = |session: &mut Session, kind: u8, content: &[u8]| {
            let record = peer.record(kind, content);
            if kind == HANDSHAKE {
                peer.advance();
            }
            session.open(&mut KeyCache::default(), &mut record.clone())
        };
        for _ in 0..32 {
            say(&mut session, kind, content).expect("borne");
        }
        say(&mut session, DATA, b"data").expect("counts from the beginning again");
        for _ in 0..32 {
            say(&mut session, kind, content).expect("borne");
        }
        let ended = say(&mut session, kind, content);
        assert!(
            matches!(ended, Err(Ended::ByUs(fault)) if fault.reason == Reason::Fruitless),
            "{ended:?}"
        );
    }
}

#[test]
fn the_last_sequence_number_is_not_used() {
    let Ends {
        mut session,
        mut peer,
        ..
    } = ends_at(Version::Tls13, Aead::ChaCha20Poly1305, u64::MAX - 1, 0);
    let last = peer.record(DATA, b"last");
    opened(&mut session, last.clone());
    assert_eq!(refused(&mut session, last).0, Alert::BAD_RECORD_MAC);
}

#[test]
fn each_alert_is_logged_by_its_name_in_the_rfc_and_others_by_their_number() {
    let alerts = [
        (Alert::CLOSE_NOTIFY, 0, "close_notify"),
        (Alert::UNEXPECTED_MESSAGE, 10, "unexpected_message"),
        (Alert::BAD_RECORD_MAC, 20, "bad_record_mac"),
        (Alert::RECORD_OVERFLOW, 22, "record_overflow"),
        (Alert::HANDSHAKE_FAILURE, 40, "handshake_failure"),
        (Alert::ILLEGAL_PARAMETER, 47, "illegal_parameter"),
        (Alert::DECODE_ERROR, 50, "decode_error"),
        (Alert::PROTOCOL_VERSION, 70, "protocol_version"),
        (Alert::INTERNAL_ERROR, 80, "internal_error"),
        (Alert::USER_CANCELED, 90, "user_canceled"),
        (Alert::NO_RENEGOTIATION, 100, "no_renegotiation"),
    ];
    for number in 0..=u8::MAX {
        let alert = Alert(number);
        let known = alerts.iter().find(|(known, ..)| *known == alert);
        let name = known.map(|(_, number_in_rfc, name)| {
            assert_eq!(*number_in_rfc, number, "{name}");
            *name
        });
        assert_eq!(alert.name(), name);
        let text = name.map_or(format!("alert {number}"), str::to_owned);
        assert_eq!(
            (alert.to_string(), format!("{alert:?}")),
            (text.clone(), text.clone())
        );
        assert_eq!(
            Ended::ByPeer(alert).to_string(),
            format!("the client sent {text}")
        );
    }
}

#[test]
fn each_reason_has_its_alert_and_a_name_of_its_own() {
    let reasons = [
        (Reason::NotARecord, "decode_error", "not-a-record"),
        (Reason::TooLong, "record_overflow", "too-long"),
        (Reason::InTheClear, "unexpected_message", "in-the-clear"),
        (Reason::DoesNotOpen, "bad_record_mac", "does-not-open"),
        (Reason::UnknownKind, "unexpected_message", "unknown-kind"),
        (Reason::MalformedAlert, "decode_error", "malformed-alert"),
        (
            Reason::MalformedMessage,
            "decode_error",
            "malformed-message",
        ),
        (
            Reason::UnexpectedMessage,
            "unexpected_message",
            "unexpected-message",
        ),
        (Reason::Renegotiation, "no_renegotiation", "renegotiation"),
        (Reason::Fruitless, "unexpected_message", "fruitless"),
        (Reason::KeyWornOut, "close_notify", "key-worn-out"),
        (Reason::SealFailed, "internal_error", "seal-failed"),
    ];
    assert_eq!(reasons.map(|(reason, ..)| reason), Reason::ALL);
    for (reason, alert, name) in reasons {
        assert_eq!(reason.name(), name);
        assert_eq!(Ended::from(reason).to_string(), format!("{alert} ({name})"));
    }
}
