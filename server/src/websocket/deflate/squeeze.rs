//! A message compressed (RFC 7692 section 7.2.1). Called by `writer`; whether a message is worth it is
//! decided there.

use super::{TAIL, Terms, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush};

/// Compressors of one core, one for each size of window that a client asked for, made when it is first
/// needed. A connection that keeps its context has its own.
#[derive(Default)]
pub struct Deflater {
    states: [Option<Box<Deflate>>; WINDOWS],
    /// The message, and room behind it that is used again.
    room: Vec<u8>,
}

const WINDOWS: usize = (WINDOW_BITS_MAX - WINDOW_BITS_MIN + 1) as usize;
/// Memory that is kept for the next message; what a larger one took is given back.
const KEPT_SIZE_BYTES: usize = 64 << 10;
/// Room for what a message is longer than before at worst, but for an eighth.
const FLUSH_SIZE_BYTES: usize = 64;
/// How hard the compressor looks for likeness, from 1 to 9. Each step above costs more than it saves in
/// messages of some kilobytes.
const LEVEL: i32 = 1;
/// Size of the compressor's table, from 1 to 9: 8 is zlib's own choice. The table is cleared for each
/// message, so a smaller one makes short messages cheaper.
const MEMORY_LEVEL: i32 = 5;

impl Deflater {
    /// Compresses a message to the payload of its frame.
    pub fn deflate(&mut self, terms: Terms, message: &[u8]) -> &[u8] {
        let bits = terms.server_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let state = &mut self.states[usize::from(bits - WINDOW_BITS_MIN)];
        let state = state.get_or_insert_with(|| Box::new(fresh(bits)));
        if !terms.server_keeps {
            state.reset();
        }
        let room = &mut self.room;
        let bound = message.len() + message.len() / 8 + FLUSH_SIZE_BYTES;
        if room.len() < bound || room.len() > KEPT_SIZE_BYTES.max(bound) {
            *room = vec![0; bound];
        }
        let len = compress(state, message, room);
        debug_assert!(room[..len].ends_with(&TAIL));
        // Section 7.2.1: the flush ends with an empty block, of which the last four bytes are left out.
        &room[..len - TAIL.len()]
    }
}

/// Compresses all of a message into `room`, which is doubled while it is not enough; says how long that is.
fn compress(state: &mut Deflate, message: &[u8], room: &mut Vec<u8>) -> usize {
    let (mut rest, mut len) = (message, 0);
    loop {
        let (read, written) = (state.total_in(), state.total_out());
        let status = state.compress(rest, &mut room[len..], DeflateFlush::SyncFlush);
        status.expect("a compressor that was set up takes every input");
        rest = &rest[(state.total_in() - read) as usize..];
        len += (state.total_out() - written) as usize;
        if len < room.len() {
            break;
        }
        room.resize(2 * len, 0);
    }
    debug_assert!(rest.is_empty());
    len
}

fn fresh(bits: u8) -> Deflate {
    Deflate::new_with_config(DeflateConfig {
        level: LEVEL,
        // Negative: no header around the blocks.
        window_bits: -i32::from(bits),
        mem_level: MEMORY_LEVEL,
        ..DeflateConfig::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::Inflater;
    use super::*;

    /// Bytes that no compressor makes shorter, each of which takes nine bits in the table of the fast one.
    fn noise(length: usize) -> Vec<u8> {
        let mut seed = 1u32;
        let byte = |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            144 + ((seed >> 16) % 112) as u8
        };
        (0..length).map(byte).collect()
    }

    #[test]
    fn memory_is_kept_for_the_next_message_up_to_a_bound() {
        let terms = Terms::forgetful(WINDOW_BITS_MAX);
        let room_for = |length: usize| length + length / 8 + 64;
        for (length, is_kept) in [
            (0, true),
            (1000, true),
            (58_198, true),
            (58_199, false),
            (1_000_000, false),
        ] {
            let mut deflater = Deflater::default();
            assert!(!deflater.deflate(terms, &noise(length)).is_empty());
            let place = deflater.room.as_ptr();
            assert_eq!(deflater.room.len(), room_for(length));
            assert_eq!(room_for(length) <= 64 << 10, is_kept, "{length}");
            // As large a one finds it where it was.
            assert!(!deflater.deflate(terms, &noise(length)).is_empty());
            assert_eq!(deflater.room.as_ptr(), place);
            assert!(!deflater.deflate(terms, b"").is_empty());
            let kept = if is_kept { length } else { 0 };
            assert_eq!(deflater.room.len(), room_for(kept), "after {length}");
            // A larger one than ever before takes what it needs.
            assert!(!deflater.deflate(terms, &noise(length + 8)).is_empty());
            assert_eq!(deflater.room.len(), room_for(length + 8));
        }
    }

    #[test]
    fn the_compressor_is_the_fast_one() {
        let words = noise(20_000);
        let words = words
            .iter()
            .flat_map(|byte| format!("word {} ", byte % 17).into_bytes());
        let message: Vec<u8> = words.collect();
        let of = |level| {
            let config = DeflateConfig {
                level,
                window_bits: -15,
                ..DeflateConfig::default()
            };
            let mut room = vec![0; 2 * message.len()];
            let len = compress(&mut Deflate::new_with_config(config), &message, &mut room);
            room[..len - TAIL.len()].to_vec()
        };
        let terms = Terms::forgetful(WINDOW_BITS_MAX);
        let mut deflater = Deflater::default();
        let payload = deflater.deflate(terms, &message);
        assert!(payload == of(1));
        assert!(payload != of(DeflateConfig::default().level));
    }

    #[test]
    fn room_that_is_not_enough_is_doubled() {
        for size in [1, 7, 16, 500, 1100] {
            let message = noise(1000);
            let mut room = vec![0; size];
            let len = compress(&mut fresh(15), &message, &mut room);
            assert!(room[..len].ends_with(&TAIL));
            let doublings = (room.len() / size).ilog2();
            assert_eq!(room.len(), size << doublings);
            assert!(len < room.len() && (doublings == 0 || len >= room.len() / 2));
            let payload = &room[..len - TAIL.len()];
            let terms = Terms::forgetful(WINDOW_BITS_MAX);
            let mut inflater = Inflater::default();
            assert_eq!(
                inflater.inflate(terms, payload, 1000),
                Ok(&message[..]),
                "{size}"
            );
        }
    }
}
