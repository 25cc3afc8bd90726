//! Where a stream is cut has no bearing on what is heard, answered and refused.

use crate::compression::forgetful;
use crate::forge::{
    BINARY, CLOSE, COMPRESSED, CONTINUATION, FIN, Heard, Listener, PING, PONG, TEXT, close_body,
    frame,
};
use proptest::prelude::*;
use ringgate::websocket::{Delivery, Fault};

/// What a stream in these pieces leads to.
fn outcome(pieces: &[&[u8]], delivery: Delivery) -> (Vec<Heard>, Vec<u8>, Option<Fault>) {
    let mut listener = Listener::new(Some(forgetful("")));
    listener.limits.delivery = delivery;
    for piece in pieces {
        listener.receive(piece);
    }
    (listener.heard, listener.out, listener.fault)
}

#[track_caller]
fn cut_everywhere(stream: &[u8]) {
    for delivery in [Delivery::Whole, Delivery::Parts] {
        let whole = outcome(&[stream], delivery);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(outcome(&bytes, delivery), whole, "byte by byte");
        for cut in 0..=stream.len() {
            let (front, back) = stream.split_at(cut);
            assert_eq!(outcome(&[front, back], delivery), whole, "cut at {cut}");
        }
    }
}

#[test]
fn a_conversation_is_the_same_wherever_it_is_cut() {
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let stream = [
        frame(TEXT, "καλημέρα".as_bytes()),
        frame(BINARY & !FIN, &[1; 130]),
        frame(PING, b"between"),
        frame(CONTINUATION & !FIN, b""),
        frame(CONTINUATION, &[2; 5]),
        frame(TEXT | COMPRESSED, hello),
        frame((TEXT | COMPRESSED) & !FIN, &hello[..2]),
        frame(PONG, b""),
        frame(CONTINUATION, &hello[2..]),
        frame(TEXT, b""),
        frame(CLOSE, &close_body(1001, "bye")),
        frame(TEXT, b"after the end"),
    ];
    cut_everywhere(&stream.concat());
}

#[test]
fn each_fault_is_the_same_wherever_the_stream_is_cut() {
    let faults = [
        frame(0x93, b"reserved"),
        frame(TEXT | 0x10, b"bit"),
        frame(CONTINUATION, b"of nothing"),
        [frame(TEXT & !FIN, b"one"), frame(TEXT, b"two")].concat(),
        frame(PING & !FIN, b"in parts"),
        frame(PING, &[0; 126]),
        frame(TEXT, b"ok\xff and more"),
        frame(TEXT | COMPRESSED, b"\xff\xff\xff"),
        frame(CLOSE, &[3]),
        frame(CLOSE, &close_body(1005, "")),
        frame(BINARY, &vec![0; (1 << 20) + 1])[..40].to_vec(),
        vec![TEXT, 0x80 | 126, 0, 3],
        vec![TEXT, 3],
    ];
    for fault in faults {
        let stream = [frame(PING, b"first"), fault].concat();
        assert!(outcome(&[&stream], Delivery::Whole).2.is_some());
        cut_everywhere(&stream);
    }
}

/// A frame that makes sense mostly.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![TEXT, BINARY, PING, PONG]),
        4 => Just(TEXT & !FIN),
        2 => Just(BINARY & !FIN),
        4 => Just(CONTINUATION & !FIN),
        6 => Just(CONTINUATION),
        2 => Just(TEXT | COMPRESSED),
        1 => Just(CLOSE),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => "[a-zé🌍]{0,40}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..140),
        1 => Just(b"\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec()),
        1 => (900u16..1020).prop_map(|code| close_body(code, "why")),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload))
}

proptest! {
    #[test]
    fn any_stream_means_the_same_wherever_it_is_cut(
        frames in prop::collection::vec(any_frame(), 0..12),
        garbage in prop::collection::vec(any::<u8>(), 0..20),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        delivery in prop::sample::select(vec![Delivery::Whole, Delivery::Parts]),
    ) {
        let stream = [frames.concat(), garbage].concat();
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.sort_unstable();
        let mut pieces = Vec::new();
        let mut begin = 0;
        for place in places.into_iter().chain([stream.len()]) {
            pieces.push(&stream[begin..place]);
            begin = place;
        }
        prop_assert_eq!(outcome(&pieces, delivery), outcome(&[&stream], delivery));
    }
}
