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
