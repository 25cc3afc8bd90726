//! Bytes into gzip (RFC 1952), and the compressors of a thread.
//!
//! A compressor is memory, about 300 KiB of it, so a thread has a bounded number at a time and keeps a few for the next
//! bodies.

use bytes::Bytes;
use std::cell::{Cell, RefCell};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

/// The largest window, of 32 KiB, as a power of two; 16 more ask for the head and the end of gzip.
const WINDOW_BITS: u8 = 15 + 16;
/// Compressors that a thread keeps for the next bodies.
const KEPT: usize = 4;
/// Room for compressed bytes at first, and by what it grows.
const ROOM_SIZE_BYTES: usize = 4 << 10;

thread_local! {
    /// Compressors to be used again, with their levels.
    static IDLE: RefCell<Vec<(u32, Box<Deflate>)>> = const { RefCell::new(Vec::new()) };
    /// Compressors that are in use.
    static IN_USE: Cell<u32> = const { Cell::new(0) };
}

/// How much is to come out of a compressor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    /// The bytes that are ready by themselves.
    None,
    /// Everything that went in.
    All,
    /// Everything that went in, and the end.
    End,
}

/// A compressor in use, for one body.
pub(super) struct Encoder {
    level: u32,
    /// None only while it is dropped.
    state: Option<Box<Deflate>>,
}

impl Encoder {
    /// A compressor of this level, if fewer than `most` are in use on this thread.
    pub(super) fn open(level: u32, most: u32) -> Option<Encoder> {
        if IN_USE.get() >= most {
            return None;
        }
        let kept = IDLE.with_borrow_mut(|idle| {
            let at = idle.iter().position(|(of, _)| *of == level)?;
            Some(idle.swap_remove(at).1)
        });
        let state = match kept {
            Some(mut state) => {
                state.reset();
                state
            }
            None => Box::new(Deflate::new_with_config(DeflateConfig {
                level: level.cast_signed(),
                window_bits: WINDOW_BITS.into(),
                ..DeflateConfig::default()
            })),
        };
        IN_USE.set(IN_USE.get() + 1);
        let state = Some(state);
        Some(Encoder { level, state })
    }

    /// Compresses `bytes` behind those before them, and appends to `out` what comes of them.
    pub(super) fn take_in(&mut self, mut bytes: &[u8], flush: Flush, out: &mut Vec<u8>) {
        let Some(state) = &mut self.state else {
            return;
        };
        let flush = match flush {
            Flush::None => DeflateFlush::NoFlush,
            Flush::All => DeflateFlush::SyncFlush,
            Flush::End => DeflateFlush::Finish,
        };
        loop {
            let len = out.len();
            out.resize(len + ROOM_SIZE_BYTES.max(bytes.len() / 4), 0);
            let (read, written) = (state.total_in(), state.total_out());
            let status = state.compress(bytes, &mut out[len..], flush);
            status.expect("a compressor that was set up takes every input");
            bytes = &bytes[(state.total_in() - read) as usize..];
            let filled = len + (state.total_out() - written) as usize;
            let is_full = filled == out.len();
            out.truncate(filled);
            // Room that is left over means that there was nothing more to take or to give.
            if !is_full {
                debug_assert!(bytes.is_empty(), "a compressor with room takes all");
                return;
            }
        }
    }

    /// All of a body at once.
    pub(super) fn whole(mut self, bytes: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(ROOM_SIZE_BYTES + bytes.len() / 2);
        self.take_in(bytes, Flush::End, &mut out);
        out.into()
    }
}

/// The bytes that were compressed into these, if they are no more than `most`.
pub(super) fn original(compressed: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut state = Inflate::new(true, WINDOW_BITS);
    let mut out = vec![0; most];
    let status = state.decompress(compressed, &mut out, InflateFlush::Finish);
    let is_whole = matches!(status, Ok(Status::StreamEnd));
    out.truncate(state.total_out() as usize);
    is_whole.then_some(out)
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // A thread that ends keeps none.
        let _ = IN_USE.try_with(|count| count.set(count.get() - 1));
        let level = self.level;
        // The same: it keeps no encoder either.
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < KEPT {
                idle.extend(self.state.take().map(|state| (level, state)));
            }
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bytes that were compressed, as far as these tell.
    pub(in super::super) fn inflated(compressed: &[u8]) -> Vec<u8> {
        let mut state = Inflate::new(true, 15 + 16);
        let mut out = vec![0; 4 << 20];
        let status = state.decompress(compressed, &mut out, InflateFlush::SyncFlush);
        status.expect("gzip");
        assert_eq!(
            state.total_in(),
            compressed.len() as u64,
            "nothing follows the end"
        );
        out.truncate(state.total_out() as usize);
        out
    }

    #[test]
    fn a_thread_has_a_bounded_number_of_compressors_and_uses_them_again() {
        let open = |level| Encoder::open(level, 3);
        let mut all: Vec<_> = (0..3).map(|_| open(4).expect("one more")).collect();
        assert!(open(4).is_none() && Encoder::open(4, 4).is_some());
        let first = all.pop().expect("a compressor");
        let compressed = first.whole(b"hello hello hello");
        assert_eq!(inflated(&compressed), b"hello hello hello");
        let original = |most| original(&compressed, most);
        assert_eq!(original(17).as_deref(), Some(&b"hello hello hello"[..]));
        assert_eq!(original(16), None, "it is longer");
        // The same memory, and nothing of the body before.
        let again = open(4).expect("one is free").whole(b"hello hello hello");
        assert_eq!(again, compressed);
        drop(all);
        let many: Vec<_> = (0..10)
            .map(|_| Encoder::open(1, 10).expect("room"))
            .collect();
        drop(many);
        assert_eq!(IN_USE.get(), 0);
        assert!(IDLE.with_borrow(Vec::len) <= KEPT);
    }

    proptest! {
        #[test]
        fn whatever_goes_in_in_pieces_comes_out_whole(
            pieces in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..9000), any::<bool>()), 0..8),
            level in 1_u32..=9,
        ) {
            let mut encoder = Encoder::open(level, 1).expect("the only one");
            let (mut sent, mut out) = (Vec::new(), Vec::new());
            for (piece, flushed) in &pieces {
                sent.extend_from_slice(piece);
                let flush = if *flushed { Flush::All } else { Flush::None };
                encoder.take_in(piece, flush, &mut out);
                if *flushed {
                    prop_assert_eq!(&inflated(&out), &sent);
                }
            }
            encoder.take_in(&[], Flush::End, &mut out);
            prop_assert_eq!(inflated(&out), sent);
        }
    }
}
