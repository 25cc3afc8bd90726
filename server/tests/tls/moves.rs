//! A connection that moves house after every record, and what a client of rustls sees of it: nothing.

use crate::forge::{DATA, Ends, Forge, HANDSHAKE, KINDS, ends, ends_at};
use crate::world::{
    SUITES, acceptor, client_for, drain, established, give, hear, moved, open_all, read, request,
};
use ringgate::tls::record::carry::{CARRIED_SIZE_BYTES_MAX, CarryError};
use ringgate::tls::record::sizes::Tick;
use ringgate::tls::record::{
    Aead, Alert, Ended, KeyCache, Opened, Reason, Records, Session, Version,
};
use rustls::ClientConnection;

/// An answer of these pieces, sealed without any key kept.
fn answer(session: &mut Session, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Records::default();
    let sealed = session.seal(&mut KeyCache::default(), pieces, &mut out);
    sealed.expect("sealed");
    out.into_vec()
}

fn conversation(suite: &'static str) -> (ClientConnection, Session) {
    let mut client = client_for(suite);
    let established = established(&acceptor(suite), &mut client);
    assert_eq!(established.facts.cipher, suite);
    (client, established.session)
}

#[test]
fn a_session_of_each_suite_moves_after_every_record_and_the_client_sees_nothing() {
    for suite in SUITES {
        let (mut client, mut session) = conversation(suite);
        for turn in 0..20 {
            session = moved(session);
            let sent = request(&mut client, b"question");
            let data = open_all(&mut session, &mut KeyCache::default(), sent);
            assert_eq!(data, b"question", "{suite}");
            session = moved(session);
            let body = vec![turn; usize::from(turn) * 5000];
            let out = answer(&mut session, &[b"answer ", &body]);
            let heard = hear(&mut client, &out);
            assert_eq!(heard, [&b"answer "[..], &body].concat(), "{suite}");
        }
    }
}

#[test]
fn a_session_moves_between_any_two_bytes_of_a_record() {
    for suite in SUITES {
        let (mut client, mut session) = conversation(suite);
        let sent = request(&mut client, b"question");
        let mut gathered = Vec::new();
        for byte in sent {
            gathered.push(byte);
            session = moved(session);
            match session.open(&mut KeyCache::default(), &mut gathered) {
                Ok(Opened::Needs(size)) => assert!(size > gathered.len()),
                Ok(Opened::Data { plain, used }) => {
                    assert_eq!((&gathered[plain], used), (&b"question"[..], gathered.len()));
                    gathered.clear();
                }
                other => panic!("{suite}: {other:?}"),
            }
        }
        assert!(gathered.is_empty(), "{suite}: the record was opened");
    }
}

#[test]
fn key_updates_of_both_sides_go_on_over_moves() {
    for suite in &SUITES[..3] {
        let (mut client, mut session) = conversation(suite);
        let mut keys = KeyCache::default();
        for turn in 0..12 {
            // With keys that are kept, and with keys that are not.
            if turn % 3 == 0 {
                keys = KeyCache::default();
            }
            if turn % 2 == 0 {
                client.refresh_traffic_keys().expect("TLS 1.3");
            }
            let sent = request(&mut client, b"question");
            assert_eq!(open_all(&mut session, &mut keys, sent), b"question");
            assert_eq!(
                session.is_update_due(),
                turn % 2 == 0,
                "a client's asks for ours"
            );
            session = moved(session);
            assert_eq!(session.is_update_due(), turn % 2 == 0, "still");
            let mut out = Records::default();
            if turn % 4 == 1 {
                let updated = session.update_key(&mut keys, turn % 8 == 1, &mut out);
                updated.expect("TLS 1.3");
                session = moved(session);
            }
            session
                .seal(&mut keys, &[b"answer"], &mut out)
                .expect("sealed");
            assert!(!session.is_update_due());
            give(&mut client, &out).expect("sound");
            assert_eq!(read(&mut client), b"answer", "{suite} {turn}");
        }
    }
}

#[test]
fn a_key_update_in_pieces_goes_on_over_moves_and_so_does_the_count_of_records_without_data() {
    let Ends {
        mut session,
        mut peer,
        ..
    } = ends(Version::Tls13, Aead::Aes256Gcm);
    let mut keys = KeyCache::default();
    for _ in 0..5 {
        for piece in [&[24][..], &[0, 0], &[1], &[0]] {
            open_all(&mut session, &mut keys, peer.record(HANDSHAKE, piece));
            session = moved(session);
        }
        peer.advance();
    }
    for _ in 20..32 {
        open_all(&mut session, &mut keys, peer.record(DATA, b""));
        session = moved(session);
    }
    let ended = session.open(&mut keys, &mut peer.record(DATA, b""));
    assert!(
        matches!(ended, Err(Ended::ByUs(fault)) if fault.reason == Reason::Fruitless),
        "{ended:?}"
    );
}

#[test]
fn a_flood_of_key_updates_is_answered_by_one() {
    let (mut client, mut session) = conversation(SUITES[0]);
    let mut keys = KeyCache::default();
    for _ in 0..20 {
        client.refresh_traffic_keys().expect("TLS 1.3");
        let sent = drain(&mut client);
        open_all(&mut session, &mut keys, sent);
    }
    let before = session.overhead();
    let out = answer(&mut session, &[b"answer"]);
    assert_eq!(
        out.len(),
        2 * before + 5 + b"answer".len(),
        "one KeyUpdate, one answer"
    );
    give(&mut client, &out).expect("sound");
    assert_eq!(read(&mut client), b"answer");
}

#[test]
fn close_notify_goes_both_ways() {
    for suite in SUITES {
        let (mut client, mut session) = conversation(suite);
        let mut keys = KeyCache::default();
        client.send_close_notify();
        let closed = session.open(&mut keys, &mut drain(&mut client));
        assert!(
            matches!(closed, Ok(Opened::Closed { .. })),
            "{suite}: {closed:?}"
        );
        let mut out = Records::behind(answer(&mut session, &[b"the rest"]));
        session.seal_alert(&mut keys, Alert::CLOSE_NOTIFY, &mut out);
        give(&mut client, &out).expect("sound");
        // With close_notify the end is an end, and not an error.
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut client.reader(), &mut rest).expect("closed properly");
        assert_eq!(rest, b"the rest");
    }
}

#[test]
fn the_client_hears_which_alert_ends_the_connection() {
    for suite in [SUITES[0], SUITES[3]] {
        let (mut client, mut session) = conversation(suite);
        let mut sent = request(&mut client, b"question");
        *sent.last_mut().expect("a record") ^= 1;
        let mut keys = KeyCache::default();
        let Err(Ended::ByUs(fault)) = session.open(&mut keys, &mut sent) else {
            panic!("an altered record opened");
        };
        let mut out = Records::default();
        session.seal_alert(&mut keys, fault.alert, &mut out);
        let told = give(&mut client, &out).expect_err("a fatal alert");
        let expected = rustls::AlertDescription::BadRecordMac;
        assert_eq!(told, rustls::Error::AlertReceived(expected));
    }
}

#[test]
fn a_worn_key_is_changed_in_tls13_and_ends_the_connection_in_tls12() {
    for aead in [Aead::Aes128Gcm, Aead::Aes256Gcm] {
        let most = aead.records_max();
        assert!(most < 1 << 24);
        let Ends {
            mut session,
            mut peer_session,
            ..
        } = ends_at(Version::Tls13, aead, 0, most - 1);
        let out = answer(&mut session, &[&[7; 3000]]);
        assert_eq!(
            session.records().1,
            2,
            "one with the old key, two with the new one"
        );
        let data = open_all(&mut peer_session, &mut KeyCache::default(), out);
        assert_eq!(data, [7; 3000]);
        assert!(!session.is_worn());

        let Ends {
            mut session,
            mut peer_session,
            ..
        } = ends_at(Version::Tls12, aead, 0, most);
        assert!(session.is_worn());
        let (mut keys, mut out) = (KeyCache::default(), Records::default());
        let ended = session.seal(&mut keys, &[b"answer"], &mut out);
        let Err(Ended::ByUs(fault)) = ended else {
            panic!("sealed beyond the limit: {ended:?}");
        };
        assert_eq!(
            (fault.alert, fault.reason),
            (Alert::CLOSE_NOTIFY, Reason::KeyWornOut)
        );
        assert!(out.is_empty());
        session.seal_alert(&mut keys, fault.alert, &mut out);
        let closed = peer_session.open(&mut keys, &mut out);
        assert!(matches!(closed, Ok(Opened::Closed { .. })), "{closed:?}");
    }
    let chacha = Aead::ChaCha20Poly1305;
    let Ends { mut session, .. } = ends_at(Version::Tls12, chacha, 0, 1 << 30);
    assert!(!session.is_worn());
    answer(&mut session, &[b"answer"]);
}

#[test]
fn an_answer_begins_in_records_of_a_segment_and_goes_on_in_long_ones() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer_session,
            ..
        } = ends(version, aead);
        let body = vec![7; 200_000];
        // Pieces need not fit records.
        let pieces: Vec<_> = body.chunks(777).collect();
        let out = answer(&mut session, &pieces);
        let mut lengths = Vec::new();
        let mut rest = &out[..];
        while let [_, _, _, high, low, ..] = rest {
            let length = 5 + usize::from(u16::from_be_bytes([*high, *low]));
            lengths.push(length);
            rest = &rest[length..];
        }
        assert!(
            lengths[..10].iter().all(|length| *length <= 1428),
            "{lengths:?}"
        );
        assert_eq!(lengths[10], (1 << 14) + session.overhead());
        assert_eq!(lengths.len(), 10 + 12);
        let data = open_all(&mut peer_session, &mut KeyCache::default(), out);
        assert_eq!(data, body);
        session.begin_at(Tick::of_nanos(2_000_000_000));
        let out = answer(&mut session, &[&body[..2000]]);
        assert_eq!(out.len(), 2000 + 2 * session.overhead());
    }
}

#[test]
fn memory_for_an_answer_is_taken_once_and_no_more_than_it_needs() {
    for (version, aead) in KINDS {
        for length in [1, 1399, 1400, 13_990, 13_991, 40_000, 200_000] {
            let Ends { mut session, .. } = ends(version, aead);
            let out = answer(&mut session, &[&vec![7; length]]);
            assert_eq!(out.capacity(), out.len(), "{version:?} {aead:?} {length}");
        }
    }
}

/// RFC 8446 section 5.3: sequence numbers do not wrap.
#[test]
fn nothing_is_sealed_with_the_last_sequence_number() {
    let aead = Aead::ChaCha20Poly1305;
    for version in [Version::Tls12, Version::Tls13] {
        let Ends { mut session, .. } = ends_at(version, aead, 0, u64::MAX - 1);
        let (mut keys, mut out) = (KeyCache::default(), Records::default());
        session.seal_alert(&mut keys, Alert::CLOSE_NOTIFY, &mut out);
        let length = out.len();
        assert_eq!(length, session.overhead() + 2);
        assert_eq!(session.records().1, u64::MAX);
        session.seal_alert(&mut keys, Alert::CLOSE_NOTIFY, &mut out);
        let sealed = session.seal(&mut keys, &[b"answer"], &mut out);
        assert_eq!(sealed, Err(Ended::from(Reason::KeyWornOut)));
        assert_eq!((out.len(), session.records().1), (length, u64::MAX));
    }
}

#[test]
fn empty_answers_and_empty_pieces_make_no_records() {
    let Ends {
        mut session,
        mut peer_session,
        ..
    } = ends(Version::Tls13, Aead::Aes128Gcm);
    assert!(answer(&mut session, &[]).is_empty());
    assert!(answer(&mut session, &[b"", b""]).is_empty());
    let out = answer(&mut session, &[b"", b"a", b"", b"b", b""]);
    let data = open_all(&mut peer_session, &mut KeyCache::default(), out);
    assert_eq!((data, session.records().1), (b"ab".to_vec(), 1));
}

#[test]
fn nothing_of_a_session_that_is_shown_is_secret() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends(version, aead);
        let mut keys = KeyCache::default();
        open_all(&mut session, &mut keys, peer.record(DATA, b"question"));
        let carried = session.encode();
        let shown = format!("{session:?} {carried:?} {keys:?}");
        let names = [
            format!("Session {{ version: {version:?}, aead: {aead:?}, received: 1, sent: 0, "),
            format!("Carried({} bytes)", carried.as_ref().len()),
            "KeyCache { len: 1, capacity: ".to_owned(),
        ];
        for name in names {
            assert!(shown.contains(&name), "no {name} in {shown}");
        }
        // The secrets, keys and IVs of the forge are made of these bytes, or of the hash of them.
        for needle in ["161", "178", "a1a1", "b2b2", "iv:", "key:", "secret"] {
            assert!(!shown.contains(needle), "{needle} in {shown}");
        }
        let bytes = carried.as_ref();
        for window in bytes[6..].windows(8) {
            assert!(!shown.contains(&format!("{window:?}")), "{shown}");
        }
    }
}

/// In an upgrade another version of the program reads these bytes.
#[test]
fn a_session_is_carried_in_the_one_layout_that_other_versions_of_the_program_know() {
    for (version, aead) in KINDS {
        let Ends {
            mut session,
            mut peer,
            ..
        } = ends_at(version, aead, 0x0102_0304, 0x0a0b);
        let mut own = Forge::new(version, aead, 0xb2);
        own.seq = 0x0a0b;
        let numbers = [
            if version == Version::Tls12 { 2 } else { 3 },
            match aead {
                Aead::Aes128Gcm => 1,
                Aead::Aes256Gcm => 2,
                Aead::ChaCha20Poly1305 => 3,
            },
        ];
        let layout = |state: [u8; 3], peer: &Forge| {
            let head = [&[1], &numbers[..], &state].concat();
            [head, peer.carried(), own.carried()].concat()
        };
        let is_laid_out = |session: &Session, state, peer: &Forge| {
            let expected = layout(state, peer);
            assert_eq!(session.encode().as_ref(), expected, "{version:?} {aead:?}");
            let decoded = Session::decode(&expected).expect("a session");
            assert_eq!(decoded.encode().as_ref(), expected);
        };
        is_laid_out(&session, [0, 0, 0], &peer);
        let mut keys = KeyCache::default();
        open_all(&mut session, &mut keys, peer.record(DATA, b""));
        is_laid_out(&session, [0, 1, 0], &peer);
        if version == Version::Tls13 {
            // Asked for a KeyUpdate, and half of another.
            let update = peer.record(HANDSHAKE, &[24, 0, 0, 1, 1]);
            open_all(&mut session, &mut keys, update);
            peer.advance();
            open_all(&mut session, &mut keys, peer.record(HANDSHAKE, &[24, 0]));
            is_laid_out(&session, [1, 3, 2], &peer);
        }
    }
}

#[test]
fn decode_takes_nothing_but_what_encode_gives() {
    let sizes = [142, 206, 174, 78, 110, 110];
    for ((version, aead), size) in KINDS.into_iter().zip(sizes) {
        let Ends { session, .. } = ends(version, aead);
        let bytes = session.encode().as_ref().to_vec();
        assert_eq!(bytes.len(), size, "{version:?} {aead:?}");
        assert!(size <= CARRIED_SIZE_BYTES_MAX);
        for length in 0..size {
            let cut = Session::decode(&bytes[..length]);
            assert!(
                matches!(cut, Err(CarryError::Length { .. })),
                "{length}: {cut:?}"
            );
        }
        let longer = Session::decode(&[&bytes[..], &[0]].concat());
        assert!(
            matches!(longer, Err(CarryError::Length { .. })),
            "{longer:?}"
        );
        let with = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            Session::decode(&bytes).expect_err("nonsense")
        };
        assert_eq!(with(0, 2), CarryError::Format(2));
        for (at, byte) in [(1, 1), (1, 4), (2, 0), (2, 4), (3, 2), (4, 33), (5, 5)] {
            assert!(
                matches!(with(at, byte), CarryError::Field(_)),
                "{at} {byte}"
            );
        }
        if version == Version::Tls12 {
            assert_eq!(with(3, 1), CarryError::Field("KeyUpdate"));
            assert_eq!(with(5, 1), CarryError::Field("part of a KeyUpdate"));
        }
        let mut zeros = bytes.clone();
        zeros[26..26 + aead.key_len()].fill(0);
        assert_eq!(
            Session::decode(&zeros).expect_err("no key"),
            CarryError::Field("key")
        );
        if version == Version::Tls13 {
            let mut zeros = bytes.clone();
            zeros[26 + aead.key_len()..][..aead.secret_len()].fill(0);
            let told = Session::decode(&zeros).expect_err("no secret");
            assert_eq!(told, CarryError::Field("key"));
        }
        let mut spent = bytes.clone();
        spent[6..14].fill(0xff);
        let spent = Session::decode(&spent).expect_err("spent");
        assert_eq!(spent, CarryError::Field("sequence number"));
    }
}

#[test]
fn an_operator_hears_why_a_session_was_not_taken() {
    let cases = [
        (
            CarryError::Format(2),
            "a TLS session in layout 2, of which this program knows 1; \
             hand over between versions that share a layout, or drain",
        ),
        (
            CarryError::Length {
                expected: 78,
                found: 77,
            },
            "a TLS session of 77 bytes instead of 78",
        ),
        (
            CarryError::Field("key"),
            "a TLS session with a senseless key",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_session_of_tls_1_3_is_made_of_its_two_secrets_if_they_have_the_length_of_the_suite() {
    for (version, aead) in KINDS {
        let secrets = [vec![0xa1; aead.secret_len()], vec![0xb2; aead.secret_len()]];
        let made = Session::from_secrets(aead, &secrets[0], &secrets[1]).expect("secrets");
        let Ends { session, .. } = ends(Version::Tls13, aead);
        assert_eq!(made.encode().as_ref(), session.encode().as_ref());
        assert_eq!((made.version(), made.aead()), (Version::Tls13, aead));
        for length in [0, aead.secret_len() - 1, aead.secret_len() + 1] {
            let other = vec![1; length];
            assert!(Session::from_secrets(aead, &other, &secrets[1]).is_none());
            assert!(Session::from_secrets(aead, &secrets[0], &other).is_none());
        }
        let Ends { session, .. } = ends(version, aead);
        assert_eq!((session.version(), session.aead()), (version, aead));
    }
}

#[test]
fn a_session_is_not_made_of_secrets_that_do_not_give_its_keys() {
    use ringgate::tls::record::Traffic;
    let aead = Aead::Aes128Gcm;
    let traffic = |secret: &'static [u8]| Traffic {
        seq: 0,
        key: &[1; 16],
        iv: &[2; 12],
        secret,
    };
    let shown = format!("{:?}", traffic(b"hush"));
    assert_eq!(shown, "Traffic { seq: 0, secret_len: 4, .. }");
    let made =
        |version, secret| Session::new(version, aead, &traffic(secret), &traffic(secret)).is_some();
    assert!(!made(Version::Tls13, &[3; 32]), "a key of another secret");
    assert!(!made(Version::Tls13, &[]), "no secret");
    assert!(
        !made(Version::Tls12, &[3; 32]),
        "a secret where there is none"
    );
    assert!(made(Version::Tls12, &[]));
}
