//! Where payload is written: in a place of the right size, made once.

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
