//! Where a stream is cut has no bearing on what is heard, sent and refused.

use super::forge::{
    END_HEADERS, END_STREAM, GET, PADDED, block, data, forged, get, headers, post, reset, settings,
    window_update,
};
use super::pieces::course;
use proptest::prelude::*;
use ringgate::http1::head::Head;
use ringgate::http2::frame::PREFACE;
use ringgate::http2::{Arrival, Desk, Limits, Room, Session};

fn begin() -> Vec<u8> {
    [&PREFACE[..], &settings(&[(4, 100_000)])].concat()
}

#[track_caller]
fn cut_everywhere(stream: &[u8]) {
    let whole = course(&[stream]);
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(course(&bytes), whole, "byte by byte");
    for cut in 0..=stream.len() {
        let (front, back) = stream.split_at(cut);
        assert_eq!(course(&[front, back]), whole, "cut at {cut}");
    }
}

#[test]
fn a_conversation_is_the_same_wherever_it_is_cut() {
    let stream = [
        begin(),
        get(1),
        post(3),
        data(3, false, b"one"),
        forged(6, 0, 0, b"12345678"),
        forged(0, PADDED, 3, b"\x02two\0\0"),
        forged(1, END_STREAM, 5, &block(&GET[..2])),
        forged(9, END_HEADERS, 5, &block(&GET[2..])),
        data(3, false, b""),
        headers(3, true, &[("x-sum", "1")]),
        headers(7, true, &GET[..2]),
        post(9),
        reset(9),
        data(9, true, b"too late"),
        window_update(0, 5),
        forged(7, 0, 0, &[0; 8]),
        get(11),
    ];
    let course = course(&[&stream.concat()]);
    assert_eq!(course.fault, None);
    assert!(course.heard.len() > 8, "{:?}", course.heard);
    cut_everywhere(&stream.concat());
}

#[test]
fn each_fault_is_the_same_wherever_the_stream_is_cut() {
    for fault in [
        b"neither preface nor settings".to_vec(),
        forged(6, 0, 0, b"short"),
        forged(0, PADDED, 1, b"\x09too long"),
        forged(1, END_HEADERS, 1, b"\xFF\xFF\xFF\xFF\xFF\xFF"),
        [forged(1, 0, 1, &block(&GET)), get(3)].concat(),
        [get(3), get(1)].concat(),
        data(1, true, b"idle"),
    ] {
        let stream = [begin(), get(1), fault.clone()].concat();
        let stream = if fault[0] == b'n' { fault } else { stream };
        cut_everywhere(&stream);
    }
}

/// A frame that makes sense mostly.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let stream =
        prop_oneof![8 => (0u32..6).prop_map(|at| 2 * at + 1), 1 => Just(0u32), 1 => 0u32..12];
    let field = prop::sample::select(vec![
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/"),
        (":authority", "a"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("content-length", "3"),
        ("priority", "u=1"),
        ("te", "trailers"),
        ("Bad", "x"),
    ]);
    let fields = prop_oneof![
        4 => Just(block(&GET)),
        2 => prop::collection::vec(field, 0..6).prop_map(|fields| block(&fields)),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    let bytes = prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        6 => (stream.clone(), any::<bool>(), 0u8..8, fields.clone()).prop_map(|(stream, end, whole, fields)| {
            forged(1, u8::from(end) | if whole > 0 { END_HEADERS } else { 0 }, stream, &fields)
        }),
        4 => (stream.clone(), any::<bool>(), bytes.clone()).prop_map(|(stream, end, bytes)| data(stream, end, &bytes)),
        1 => (stream.clone(), bytes.clone()).prop_map(|(stream, bytes)| forged(0, PADDED, stream, &bytes)),
        1 => (stream.clone(), fields).prop_map(|(stream, fields)| forged(9, END_HEADERS, stream, &fields)),
        1 => stream.clone().prop_map(reset),
        1 => (stream, 0u32..3).prop_map(|(stream, more)| window_update(stream, more)),
        1 => (0u16..10, 0u32..70_000).prop_map(|(id, value)| settings(&[(id, value)])),
        1 => bytes.clone().prop_map(|bytes| forged(6, 0, 0, &[&bytes[..], &[0; 8]].concat()[..8])),
        1 => (0u8..20, 0u8..64, 0u32..4, bytes).prop_map(|(kind, flags, stream, bytes)| forged(kind, flags, stream, &bytes)),
    ]
}

#[test]
fn each_front_says_how_long_it_has_to_be_and_changes_nothing_before() {
    let limits = Limits::default();
    let (mut session, mut room, mut head) =
        (Session::new(&limits, 0), Room::default(), Head::blank());
    let mut out = Vec::new();
    let mut hear = |bytes: &[u8]| {
        let mut desk = Desk {
            limits: &limits,
            seconds: 0,
            room: &mut room,
            out: &mut out,
        };
        let received = session
            .receive(bytes, &mut head, &mut desk)
            .expect("no fault");
        match received.arrival {
            Arrival::Needs(bytes) => (received.used, Some(bytes)),
            _ => (received.used, None),
        }
    };
    // The preface comes with the header of the settings behind it.
    let preface = [&PREFACE[..], &settings(&[(4, 100_000)])].concat();
    for have in 0..24 + 9 {
        assert_eq!(hear(&preface[..have]), (0, Some(24 + 9)), "{have}");
    }
    assert_eq!(hear(&preface[..24 + 9]), (24, None));
    // Frames that are read as a whole.
    for frame in [
        settings(&[(4, 100_000)]),
        forged(6, 0, 0, b"12345678"),
        get(1),
        post(3),
        window_update(3, 5),
        forged(1, END_STREAM, 5, &block(&GET[..2])),
        forged(9, END_HEADERS, 5, &block(&GET[2..])),
        forged(0xee, 0, 0, &[0; 300]),
    ] {
        for have in 0..frame.len() {
            let needs = if have < 9 { 9 } else { frame.len() };
            assert_eq!(
                hear(&frame[..have]),
                (0, Some(needs)),
                "{have} of {frame:?}"
            );
        }
        assert_eq!(hear(&frame), (frame.len(), None), "{frame:?}");
    }
    // Payload is taken as it comes, and padding once its length is there.
    for (flags, header, payload) in [(0, 9, &b"abc"[..]), (PADDED, 10, b"\x02abc\0\0")] {
        let frame = forged(0, flags, 3, payload);
        for have in 0..header {
            let needs = if have < 9 { 9 } else { header };
            assert_eq!(hear(&frame[..have]), (0, Some(needs)), "{have}");
        }
        assert_eq!(hear(&frame[..header]), (header, None));
        assert_eq!(hear(b""), (0, Some(1)));
        assert_eq!(hear(&frame[header..]), (frame.len() - header, None));
    }
}

proptest! {
    #[test]
    fn made_up_conversations_are_the_same_wherever_they_are_cut(
        frames in prop::collection::vec(any_frame(), 1..25),
        cuts in prop::collection::vec(1usize..40, 1..8),
        tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let stream = [begin(), frames.concat(), tail].concat();
        let whole = course(&[&stream]);
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle().take(stream.len()) {
            let (piece, next) = rest.split_at(rest.len().min(*cut));
            pieces.push(piece);
            rest = next;
        }
        prop_assert_eq!(course(&pieces), whole);
    }
}
