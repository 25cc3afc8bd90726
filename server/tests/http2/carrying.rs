//! Sessions at rest as bytes, and what an idle one costs.

use super::forge::{
    END_HEADERS, END_STREAM, GET, Seen, Sent, Wire, block, data, forged, get, headers, post,
};
use proptest::prelude::*;
use ringgate::http2::carry::{CarryError, carried_size_max};
use ringgate::http2::{Limits, Payload, Session, StreamId};

/// A session that has served requests whose fields are in the table.
fn used() -> Wire {
    let mut wire = Wire::open_with(Limits::default(), &[(4, 100_000), (5, 20_000)]);
    let mut first = block(&GET[..3]);
    first.extend([0x41, 14]);
    first.extend(b"127.0.0.1:8080");
    first.extend([0x7A, 20]);
    first.extend(b"h2load nghttp2/1.52.");
    wire.hears(&forged(1, END_HEADERS | END_STREAM, 1, &first));
    wire.answers(1, Payload::Slice(b"hello"))
        .expect("an answer");
    wire.hears(&post(3));
    wire.hears(&data(3, true, &[0; 100]));
    wire.took(3, 100);
    wire.answers(3, Payload::None).expect("an answer");
    wire.says();
    wire
}

/// Head and block of a request that needs the table.
fn indexed(stream: u32) -> Vec<u8> {
    forged(
        1,
        END_HEADERS | END_STREAM,
        stream,
        &[0x82, 0x86, 0x84, 0xBF, 0xBE],
    )
}

#[test]
fn a_session_goes_on_in_another_process_as_if_nothing_had_been() {
    let mut wire = used();
    let bytes = wire.session.encode().expect("an idle session");
    assert!(bytes.len() <= carried_size_max(4096, 0));
    let again = Session::decode(&bytes, 5).expect("a session");
    assert_eq!(again.encode().expect("an idle session"), bytes);
    for session in [None, Some(again)] {
        if let Some(session) = session {
            wire = used();
            wire.session = session;
        }
        let seen = wire.hears(&indexed(5));
        let line = "GET / 127.0.0.1:8080".to_owned();
        assert_eq!(
            seen,
            [Seen::Head {
                stream: 5,
                line,
                end: true
            }]
        );
        assert_eq!(
            wire.head.header(&wire.text, "user-agent"),
            Some(&b"h2load nghttp2/1.52."[..])
        );
        wire.answers(5, Payload::Slice(b"hello"))
            .expect("an answer");
        // The encoder's table came along: status, date, type, and the length.
        assert_eq!(wire.out.len(), 9 + 3 + 4 + 9 + 5);
        assert!(matches!(
            wire.says()[..],
            [Sent::Headers { .. }, Sent::Data(..)]
        ));
        assert!(
            wire.tries(&headers(3, true, &GET)).is_err(),
            "the streams go on from where they were"
        );
    }
}

#[test]
fn a_session_that_owes_or_is_owed_something_stays() {
    assert!(Wire::silent(Limits::default()).session.encode().is_none());
    let mut wire = Wire::open();
    assert!(wire.session.encode().is_some());
    wire.hears(&get(1));
    assert!(wire.session.encode().is_none(), "a stream");
    wire.answers(1, Payload::None).expect("an answer");
    wire.hears(&forged(1, END_STREAM, 3, &block(&GET[..2])));
    assert!(wire.session.encode().is_none(), "half a block");
    wire.hears(&forged(9, END_HEADERS, 3, &block(&GET[2..])));
    wire.answers(3, Payload::None).expect("an answer");
    wire.hears(&post(5));
    wire.hears(&data(5, true, b"body"));
    wire.answers(5, Payload::None).expect("an answer");
    assert!(
        wire.session.encode().is_none(),
        "payload that nobody has given back"
    );
    wire.took(5, 4);
    assert!(wire.session.encode().is_some());
    wire.drains(0);
    assert!(wire.session.encode().is_none(), "a drain");
}

#[test]
fn tunnels_with_nothing_under_way_go_along_with_their_windows() {
    let connect = [(":method", "CONNECT"), (":authority", "example.org:443")];
    let mut wire = Wire::open();
    for stream in [1, 3] {
        wire.hears(&headers(stream, false, &connect));
        assert!(wire.session.encode().is_none(), "it is not answered");
        wire.answers(stream, Payload::Later).expect("an answer");
    }
    wire.hears(&data(3, false, &[7; 1000]));
    assert!(
        wire.session.encode().is_none(),
        "payload is to be given back"
    );
    wire.took(3, 1000);
    let send = |session: &mut Session, count: usize| {
        let mut out = Vec::new();
        let bytes = vec![7; count].into();
        session.body(StreamId(1), bytes, 0).expect("it is open");
        session.poll_output(&Limits::default(), 0, &mut out);
        out.len()
    };
    assert_eq!(send(&mut wire.session, 60_000), 60_000 + 4 * 9);
    wire.says();
    let bytes = wire.session.encode().expect("tunnels at rest");
    assert!(bytes.len() <= carried_size_max(4096, 2));
    let again = Session::decode(&bytes, 5).expect("a session");
    assert_eq!(again.encode().expect("tunnels at rest"), bytes);
    wire.session = again;
    assert_eq!(
        wire.hears(&data(3, false, b"abc")),
        [Seen::Data(3, b"abc".to_vec(), false)]
    );
    // What was sent before counts against the window of 65,535 bytes.
    assert_eq!(send(&mut wire.session, 10_000), 5535 + 9);
    assert!(wire.session.encode().is_none(), "payload waits");
}

#[test]
fn bytes_that_are_no_session_are_refused() {
    let bytes = used().session.encode().expect("an idle session");
    for cut in 0..bytes.len() {
        assert!(Session::decode(&bytes[..cut], 0).is_err(), "{cut}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Session::decode(&longer, 0).err(), Some(CarryError::Length));
    let mut newer = bytes.clone();
    newer[0] = 2;
    let error = Session::decode(&newer, 0).expect_err("another layout");
    assert_eq!(error, CarryError::Format(2));
    assert!(error.to_string().contains("drain"));
}

#[test]
fn a_client_that_has_opened_no_stream_yet_has_a_session_and_one_of_a_servers_number_has_none() {
    const HIGHEST: usize = 1 + 11 * 4;
    let mut bytes = Wire::open().session.encode().expect("an idle session");
    assert_eq!(bytes[HIGHEST..HIGHEST + 4], [0; 4]);
    Session::decode(&bytes, 0).expect("no stream yet");
    for (number, expected) in [(1, None), (2, Some(CarryError::Field("stream")))] {
        bytes[HIGHEST + 3] = number;
        assert_eq!(Session::decode(&bytes, 0).err(), expected, "{number}");
    }
}

#[test]
fn the_most_that_a_session_takes_grows_with_its_table_and_by_as_much_for_each_tunnel() {
    let connect = [(":method", "CONNECT"), (":authority", "example.org:443")];
    let mut wire = Wire::open();
    let mut encoded = Vec::new();
    for stream in [1, 3, 5] {
        wire.hears(&headers(stream, false, &connect));
        wire.answers(stream, Payload::Later).expect("an answer");
        encoded.push(wire.session.encode().expect("tunnels at rest").len());
    }
    let each = encoded[2] - encoded[1];
    for tunnels in 0..4 {
        let most = carried_size_max(4096, tunnels);
        assert_eq!(most, carried_size_max(4096, 0) + tunnels * each);
        assert_eq!(most, carried_size_max(0, tunnels) + 4096);
    }
}

#[test]
fn what_a_session_holds_counts_as_its_memory() {
    let connect = [(":method", "CONNECT"), (":authority", "example.org:443")];
    let mut wire = Wire::open();
    assert_eq!(wire.session.memory(), 0);
    wire.hears(&headers(1, false, &connect));
    let with_stream = wire.session.memory();
    assert!(with_stream > 0);
    wire.answers(1, Payload::Later).expect("an answer");
    let before = wire.session.memory();
    assert!(before > with_stream, "the fields of the answer");
    // More than the window has room for: the stream waits.
    let bytes = vec![7; 70_000].into();
    wire.session
        .body(StreamId(1), bytes, 0)
        .expect("it is open");
    let more = wire.session.memory() - before;
    assert!((1..256).contains(&more), "{more}");
    wire.says();
    let before = wire.session.memory();
    wire.hears(&forged(1, END_STREAM, 3, &block(&GET[..2])));
    let more = wire.session.memory() - before;
    assert!((1..4096).contains(&more), "{more}");
}

/// An idle connection of h2load: its two fields in the table, ours in the other.
#[test]
fn an_idle_session_takes_little_memory() {
    let wire = used();
    let idle = size_of::<Session>() + wire.session.memory();
    println!(
        "an idle session: {} + {} bytes",
        size_of::<Session>(),
        wire.session.memory()
    );
    assert!(idle <= 1100, "{idle}");
    let fresh = Wire::open();
    assert_eq!(fresh.session.memory(), 0);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_and_what_is_taken_has_one_form(
        at in 0usize..300,
        with in any::<u8>(),
        cut in 0usize..400,
    ) {
        let mut bytes = used().session.encode().expect("an idle session");
        let length = bytes.len();
        bytes[at % length] = with;
        bytes.truncate(cut);
        if let Ok(session) = Session::decode(&bytes, 0) {
            prop_assert_eq!(session.encode().expect("idle"), bytes);
        }
    }
}
