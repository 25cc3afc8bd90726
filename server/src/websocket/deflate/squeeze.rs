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
        debug_assert!(rest.is_empty() && room[..len].ends_with(&TAIL));
        // Section 7.2.1: the flush ends with an empty block, of which the last four bytes are left out.
        &room[..len - TAIL.len()]
    }
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
