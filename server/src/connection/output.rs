//! The sending side of a connection: what waits to be sent, in order, and what is being sent.
//!
//! Filled by `answer.rs` and `stream.rs`, emptied by `write.rs`, partly taken back by `unsent.rs`.

use super::BODY_COPIED_MAX_BYTES;
use crate::handler::Chunk;
use std::collections::VecDeque;
use std::num::NonZeroUsize;

/// Empty buffers kept a core for heads and small bodies, and the largest one worth keeping: pieces of
/// streams are larger, and their memory goes back.
const BUFFERS_KEPT: usize = 256;
pub(super) const BUFFER_KEPT_MAX_BYTES: usize = BODY_COPIED_MAX_BYTES + (4 << 10);

/// Keeps the memory of bytes that are done with, if it can serve again.
#[inline]
pub(super) fn keep_buffer(buffer: Chunk, buffers: &mut Vec<Vec<u8>>) {
    if let Chunk::Vec(mut bytes) = buffer
        && bytes.capacity() <= BUFFER_KEPT_MAX_BYTES
        && buffers.len() < BUFFERS_KEPT
    {
        bytes.clear();
        buffers.push(bytes);
    }
}

/// Memory kept a core for long outputs, 1.4 MB: what a turn of busy connections uses.
const LONG_KEPT: usize = 16;
/// The size of all of it: more than is ever made of the payload that a session has waiting.
const LONG_BYTES: usize = 84 << 10;

/// Memory of one size, for outputs that are too long for the buffers. An allocator would take each apart and put it
/// together again for the next answer.
#[derive(Default)]
pub(super) struct LongMemory(Vec<Vec<u8>>);

impl LongMemory {
    /// Empty memory.
    fn take(&mut self) -> Vec<u8> {
        let kept = self.0.pop();
        kept.unwrap_or_else(|| Vec::with_capacity(LONG_BYTES))
    }

    /// Keeps the memory of bytes that were sent, here or among `buffers`, if it can serve again.
    #[inline]
    pub(super) fn keep(&mut self, sent: Chunk, buffers: &mut Vec<Vec<u8>>) {
        match sent {
            Chunk::Vec(bytes) if bytes.capacity() > BUFFER_KEPT_MAX_BYTES => self.keep_long(bytes),
            short => keep_buffer(short, buffers),
        }
    }

    #[inline(never)]
    fn keep_long(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() == LONG_BYTES && self.0.len() < LONG_KEPT {
            bytes.clear();
            self.0.push(bytes);
        }
    }
}

/// The sending side: what waits to be sent, in order, and what is being sent.
#[derive(Default)]
pub(crate) struct Output {
    /// Complete pieces, before `tail`.
    pub(crate) pieces: VecDeque<Chunk>,
    /// Heads and small bodies, gathered.
    pub(crate) tail: Vec<u8>,
    /// Bytes in `pieces` and `tail`.
    pub(crate) queued: usize,
    /// The send in flight.
    pub(crate) in_flight: Option<Sending>,
}

/// A send in flight, and the bytes of its buffer that were sent before it. One more than their number is
/// kept, so that the option of it is one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending(NonZeroUsize);

impl Sending {
    #[inline]
    pub(super) const fn after(bytes: usize) -> Sending {
        Sending(NonZeroUsize::MIN.saturating_add(bytes))
    }

    /// The bytes of its buffer that were sent before it.
    #[inline]
    pub(super) const fn before(self) -> usize {
        self.0.get() - 1
    }
}

impl Output {
    /// Whether all of it is with the kernel.
    #[inline]
    pub(crate) fn is_flushed(&self) -> bool {
        self.queued == 0 && self.in_flight.is_none()
    }
}

impl Output {
    /// Lets `encode` write behind what is gathered: a head, or a small body.
    #[inline]
    pub(super) fn write_with(
        &mut self,
        buffers: &mut Vec<Vec<u8>>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        let tail = self.gather(buffers);
        let before = tail.len();
        encode(tail);
        self.queued += self.tail.len() - before;
    }

    /// The buffer that heads and small bodies are gathered in.
    #[inline]
    pub(super) fn gather(&mut self, buffers: &mut Vec<Vec<u8>>) -> &mut Vec<u8> {
        if self.tail.capacity() == 0 {
            self.tail = buffers.pop().unwrap_or_else(|| Vec::with_capacity(512));
        }
        &mut self.tail
    }

    /// Makes the place for so many bytes that are about to be written behind what is gathered.
    #[inline]
    pub(super) fn reserve(
        &mut self,
        bytes: usize,
        long: &mut LongMemory,
        buffers: &mut Vec<Vec<u8>>,
    ) {
        if self.tail.capacity() - self.tail.len() < bytes {
            self.enlarge(bytes, long, buffers);
        }
    }

    #[inline(never)]
    fn enlarge(&mut self, bytes: usize, long: &mut LongMemory, buffers: &mut Vec<Vec<u8>>) {
        let needed = self.tail.len() + bytes;
        // A client that takes it slowly holds at most twice the memory that it needs.
        if needed <= LONG_BYTES / 2 || needed > LONG_BYTES {
            return self.tail.reserve(bytes);
        }
        let mut larger = long.take();
        larger.extend_from_slice(&self.tail);
        keep_buffer(
            Chunk::Vec(std::mem::replace(&mut self.tail, larger)),
            buffers,
        );
    }

    /// Gives the buffer back in which nothing was gathered: a connection that idles holds none.
    #[inline]
    pub(super) fn give_back_unused(&mut self, buffers: &mut Vec<Vec<u8>>) {
        if self.tail.is_empty() && self.tail.capacity() > 0 {
            keep_buffer(Chunk::Vec(std::mem::take(&mut self.tail)), buffers);
        }
    }

    /// Adds bytes behind what is gathered.
    pub(super) fn write(&mut self, buffers: &mut Vec<Vec<u8>>, bytes: &[u8]) {
        self.gather(buffers).extend_from_slice(bytes);
        self.queued += bytes.len();
    }

    /// Adds bytes of a body: small ones behind what is gathered, large ones as they are.
    pub(super) fn add(&mut self, buffers: &mut Vec<Vec<u8>>, chunk: Chunk) {
        if chunk.len() <= BODY_COPIED_MAX_BYTES {
            return self.write(buffers, &chunk);
        }
        self.add_large(chunk);
    }

    /// The queued bytes, piece by piece.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let pieces = self.pieces.iter().map(Chunk::as_slice);
        pieces.chain([&self.tail[..]])
    }

    /// Takes the first `count` bytes out, which others have copied.
    pub(super) fn consume(&mut self, count: usize, buffers: &mut Vec<Vec<u8>>) {
        self.queued -= count;
        let mut left = count;
        while left > 0 {
            let Some(mut piece) = self.pieces.pop_front() else {
                break;
            };
            if piece.len() > left {
                piece.advance(left);
                self.pieces.push_front(piece);
                return;
            }
            left -= piece.len();
            keep_buffer(piece, buffers);
        }
        if left == 0 {
            return;
        }
        let tail = std::mem::take(&mut self.tail);
        if left < tail.len() {
            let mut rest = Chunk::Vec(tail);
            rest.advance(left);
            return self.pieces.push_front(rest);
        }
        keep_buffer(Chunk::Vec(tail), buffers);
    }

    /// Takes the first piece out.
    pub(super) fn pop(&mut self) -> Option<Chunk> {
        let piece = match self.pieces.pop_front() {
            Some(piece) => piece,
            None if self.tail.is_empty() => return None,
            None => Chunk::Vec(std::mem::take(&mut self.tail)),
        };
        self.queued -= piece.len();
        Some(piece)
    }

    /// Drops all that waits; a send in flight goes on.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.tail = Vec::new();
        self.queued = 0;
    }

    /// Adds a large body as it is.
    pub(super) fn add_large(&mut self, chunk: Chunk) {
        if !self.tail.is_empty() {
            self.pieces
                .push_back(Chunk::Vec(std::mem::take(&mut self.tail)));
        }
        self.queued += chunk.len();
        self.pieces.push_back(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: usize = 64 << 10;

    fn gathered(bytes: &[u8]) -> Output {
        let mut output = Output::default();
        output.write(&mut Vec::new(), bytes);
        output
    }

    #[test]
    fn memory_of_a_long_output_serves_the_next_behind_what_is_gathered() {
        let (mut long, mut buffers) = (LongMemory::default(), Vec::new());
        let mut first = gathered(b"head");
        first.reserve(LONG, &mut long, &mut buffers);
        let place = first.tail.as_ptr();
        first.write(&mut buffers, &[b'x'; LONG]);
        assert_eq!(first.tail.as_ptr(), place, "made at once");
        assert_eq!(buffers.len(), 1, "the head's buffer");
        long.keep(first.pop().expect("a piece"), &mut buffers);

        let mut second = gathered(b"other");
        second.reserve(LONG, &mut long, &mut buffers);
        assert_eq!(second.tail.as_ptr(), place);
        assert_eq!((&second.tail[..], second.queued), (&b"other"[..], 5));
    }

    #[test]
    fn of_long_memory_a_bounded_number_is_kept_and_none_of_other_sizes() {
        let (mut long, mut buffers) = (LongMemory::default(), Vec::new());
        for size in [BUFFER_KEPT_MAX_BYTES + 1, LONG_BYTES - 1, LONG_BYTES + 1] {
            long.keep(Chunk::Vec(Vec::with_capacity(size)), &mut buffers);
        }
        assert!(long.0.is_empty());
        for _ in 0..2 * LONG_KEPT {
            long.keep(Chunk::Vec(Vec::with_capacity(LONG_BYTES)), &mut buffers);
        }
        assert_eq!((long.0.len(), buffers.len()), (LONG_KEPT, 0));
    }

    #[test]
    fn an_output_holds_at_most_twice_the_memory_that_it_needs() {
        for needed in [
            1000,
            LONG_BYTES / 2,
            LONG_BYTES / 2 + 1,
            LONG_BYTES,
            200_000,
        ] {
            let mut output = gathered(b"");
            output.reserve(needed, &mut LongMemory::default(), &mut Vec::new());
            assert!((needed..=2 * needed).contains(&output.tail.capacity()));
        }
    }
}
