//! Where payload is written: in a place of the right size, made once; or where it lies, for an output that shares it.

use super::forge::{Wire, get, window_update};
use bytes::Bytes;
use ringgate::http2::session::Output;
use ringgate::http2::{Limits, Payload, StreamId};

/// An output that must have the place for whatever is appended.
#[derive(Default)]
struct Reserved(Vec<u8>);

impl Output for Reserved {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn reserve(&mut self, bytes: usize) {
        self.0.reserve_exact(bytes);
    }

    fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    fn shares(&self, _: usize) -> bool {
        false
    }

    fn piece(&mut self, bytes: Bytes) {
        let room = self.0.capacity() - self.0.len();
        assert!(bytes.len() <= room, "{} > {room}", bytes.len());
        self.0.extend_from_slice(&bytes);
    }

    fn has_room(&mut self, _: StreamId) {}
}

/// A client that would take all of it, and asked for it.
fn asked() -> Wire {
    const LARGE: u32 = 1 << 20;
    let mut wire = Wire::open_with(Limits::default(), &[(4, LARGE)]);
    wire.hears(&window_update(0, LARGE));
    wire.hears(&get(1));
    wire
}

#[test]
fn payload_has_its_place_before_its_first_frame_is_written() {
    for size in [1, 16_384, 16_385, 60_000, 65_500, 65_536, 200_000] {
        let mut wire = asked();
        wire.answers(1, Payload::Later).expect("an answer");
        let bytes = Bytes::from(vec![b'x'; size]);
        wire.session.body(StreamId(1), bytes, 0).expect("a stream");
        let mut out = Reserved(std::mem::take(&mut wire.out));
        let head = out.0.len();
        out.0.shrink_to_fit();
        while wire.session.has_output() {
            wire.session.poll_output(&wire.limits, 0, &mut out);
            assert_eq!(out.0.len(), out.0.capacity(), "{size}");
            wire.out.append(&mut out.0);
            out = Reserved::default();
        }
        assert_eq!(wire.out.len(), head + size + 9 * size.div_ceil(16_384));
    }
}

#[test]
fn a_long_answer_that_waits_for_its_turn_has_no_place_before() {
    let mut wire = asked();
    let bytes = Bytes::from(vec![b'x'; 10 << 20]);
    wire.answers(1, Payload::Bytes(bytes)).expect("an answer");
    assert!(wire.out.capacity() < 16_384, "{}", wire.out.capacity());
}

/// An output that shares what is not short: pieces, and where each stands among what is gathered.
#[derive(Default)]
struct Shared {
    gathered: Vec<u8>,
    pieces: Vec<(usize, Bytes)>,
}

impl Output for Shared {
    fn size(&self) -> usize {
        let shared: usize = self.pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        self.gathered.len() + shared
    }

    fn reserve(&mut self, bytes: usize) {
        panic!("a place for {bytes} bytes that nobody copies");
    }

    fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.gathered
    }

    fn shares(&self, bytes: usize) -> bool {
        bytes > 1000
    }

    fn piece(&mut self, bytes: Bytes) {
        match self.shares(bytes.len()) {
            true => self.pieces.push((self.gathered.len(), bytes)),
            false => self.gathered.extend_from_slice(&bytes),
        }
    }

    fn has_room(&mut self, _: StreamId) {}
}

#[test]
fn frames_of_a_large_body_refer_to_its_bytes() {
    let mut wire = asked();
    let size = 3 * 16_384 + 2000;
    let body = Bytes::from((0..size).map(|at| at as u8).collect::<Vec<_>>());
    wire.answers(1, Payload::Bytes(body.clone()))
        .expect("an answer");
    wire.out.clear();
    let mut out = Shared::default();
    wire.session.poll_output(&wire.limits, 0, &mut out);
    assert!(!wire.session.has_output());
    let places: Vec<_> = out
        .pieces
        .iter()
        .map(|(at, bytes)| (*at, bytes.len()))
        .collect();
    let expected = [(9, 16_384), (18, 16_384), (27, 16_384), (36, 2000)];
    assert_eq!((places, out.gathered.len()), (expected.to_vec(), 36));
    let mut at = 0;
    for (_, bytes) in &out.pieces {
        assert_eq!(bytes.as_ptr(), body[at..].as_ptr(), "the same memory");
        at += bytes.len();
    }
    // Each frame's head stands before its payload, and the last one ends the stream.
    let heads: Vec<_> = out
        .gathered
        .chunks(9)
        .map(|head| (head[2], head[4]))
        .collect();
    let low = |size: usize| size as u8;
    assert_eq!(heads, [(0, 0), (0, 0), (0, 0), (low(2000), 1)]);
}
