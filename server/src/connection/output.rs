//! The sending side of a connection: what waits to be sent, in order, and what is being sent.
//!
//! Filled by `answer.rs` and `stream.rs`, emptied by `write.rs`, partly taken back by `unsent.rs`.

use super::BODY_COPIED_MAX_BYTES;
use crate::handler::Chunk;
use bytes::{Buf, Bytes};
use ringgate_runtime::SendPieces;
use ringgate_runtime::op::Between;
use std::collections::VecDeque;
use std::num::NonZeroUsize;

/// Empty buffers kept a core for heads and small bodies, and the largest one worth keeping: pieces of
/// streams are larger, and their memory goes back.
const BUFFERS_KEPT: usize = 256;
pub(super) const BUFFER_KEPT_MAX_BYTES: usize = 20 << 10;

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

/// Sends in pieces that are over, for those to come: what a turn of busy connections uses.
const PIECES_KEPT: usize = 32;

/// Places for sends in pieces, which a core makes once.
#[derive(Default)]
pub(super) struct SparePieces(
    #[expect(clippy::vec_box, reason = "they stay in their boxes")] Vec<Box<SendPieces>>,
);

impl SparePieces {
    pub(super) fn take(&mut self) -> Box<SendPieces> {
        self.0.pop().unwrap_or_else(SendPieces::new)
    }

    pub(super) fn keep(&mut self, empty: Box<SendPieces>) {
        if self.0.len() < PIECES_KEPT {
            self.0.push(empty);
        }
    }
}

/// Large bytes between those that are gathered, in order, where they lie. Most connections never have any, so that these
/// take no more room in a seat than a pointer.
#[derive(Default)]
pub(super) struct Larges(
    #[expect(clippy::box_collection, reason = "every seat has room for it")]
    Option<Box<VecDeque<Between>>>,
);

impl Larges {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Between> {
        self.0.iter().flat_map(|all| all.iter())
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Between> {
        self.0.iter_mut().flat_map(|all| all.iter_mut())
    }

    fn front(&self) -> Option<&Between> {
        self.0.as_ref()?.front()
    }

    fn front_mut(&mut self) -> Option<&mut Between> {
        self.0.as_mut()?.front_mut()
    }

    pub(super) fn back(&self) -> Option<&Between> {
        self.0.as_ref()?.back()
    }

    pub(super) fn back_mut(&mut self) -> Option<&mut Between> {
        self.0.as_mut()?.back_mut()
    }

    fn push_back(&mut self, next: Between) {
        self.0.get_or_insert_default().push_back(next);
    }

    fn pop_front(&mut self) -> Option<Between> {
        let first = self.0.as_mut()?.pop_front();
        self.forget_none();
        first
    }

    pub(super) fn pop_back(&mut self) -> Option<Between> {
        let last = self.0.as_mut()?.pop_back();
        self.forget_none();
        last
    }

    /// Where there are none, there is no memory for them.
    fn forget_none(&mut self) {
        if self.0.as_ref().is_some_and(|all| all.is_empty()) {
            self.0 = None;
        }
    }

    /// All of them.
    pub(super) fn take(&mut self) -> VecDeque<Between> {
        self.0.take().map_or_else(VecDeque::new, |all| *all)
    }
}

/// The sending side: what waits to be sent, in order, and what is being sent.
#[derive(Default)]
pub(crate) struct Output {
    /// Heads, small bodies and what frames them, gathered.
    pub(crate) tail: Vec<u8>,
    /// Large bytes between them.
    pub(super) between: Larges,
    /// Bytes of both.
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

    /// Adds large bytes where they lie, behind what is gathered.
    pub(super) fn add_large(&mut self, bytes: Chunk) {
        self.queued += bytes.len();
        let at = self.tail.len();
        self.between.push_back(Between { at, bytes });
    }

    /// The queued bytes, piece by piece; some may be empty.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let before = self.between.iter().flat_map(move |next| {
            let run = from..next.at;
            from = next.at;
            [&self.tail[run], &*next.bytes]
        });
        let last = self.between.back().map_or(0, |last| last.at);
        before.chain([&self.tail[last..]])
    }

    /// Takes the first `count` bytes out, which others have copied.
    pub(super) fn consume(&mut self, count: usize, buffers: &mut Vec<Vec<u8>>) {
        self.queued -= count;
        let (mut left, mut gone) = (count, 0);
        while let Some(next) = self.between.front_mut() {
            let run = left.min(next.at - gone);
            gone += run;
            left -= run;
            if gone < next.at || left == 0 {
                return self.forget_gathered(gone, buffers);
            }
            if left < next.bytes.len() {
                next.bytes.advance(left);
                return self.forget_gathered(gone, buffers);
            }
            left -= next.bytes.len();
            if let Some(whole) = self.between.pop_front() {
                keep_buffer(whole.bytes, buffers);
            }
        }
        self.forget_gathered(gone + left, buffers);
    }

    /// Drops the first `count` gathered bytes.
    fn forget_gathered(&mut self, count: usize, buffers: &mut Vec<Vec<u8>>) {
        let left = self.tail.len() - count;
        if left > BODY_COPIED_MAX_BYTES {
            return self.leave_where_they_lie(count);
        }
        match left {
            0 => keep_buffer(Chunk::Vec(std::mem::take(&mut self.tail)), buffers),
            _ => drop(self.tail.drain(..count)),
        }
        for one in self.between.iter_mut() {
            one.at -= count;
        }
    }

    /// The same, where many are left: these become pieces of their own.
    #[cold]
    fn leave_where_they_lie(&mut self, count: usize) {
        let mut gathered = Bytes::from(std::mem::take(&mut self.tail));
        gathered.advance(count);
        let mut from = count;
        for next in self.between.take() {
            let run = gathered.split_to(next.at - from);
            from = next.at;
            self.add_piece(run.into());
            self.add_piece(next.bytes);
        }
        self.add_piece(gathered.into());
    }

    /// Adds bytes that have nothing gathered before them, if there are any.
    fn add_piece(&mut self, bytes: Chunk) {
        if !bytes.is_empty() {
            self.between.push_back(Between { at: 0, bytes });
        }
    }

    /// Takes the first piece out.
    pub(super) fn pop(&mut self) -> Option<Chunk> {
        let at = self.between.front().map_or(self.tail.len(), |next| next.at);
        let piece = match at {
            0 => self.between.pop_front()?.bytes,
            _ => {
                let rest = self.tail.split_off(at);
                for one in self.between.iter_mut() {
                    one.at -= at;
                }
                Chunk::Vec(std::mem::replace(&mut self.tail, rest))
            }
        };
        self.queued -= piece.len();
        Some(piece)
    }

    /// Drops all that waits but the last `count` bytes, which are gathered in one place.
    pub(super) fn keep_last(&mut self, count: usize) {
        let last = self.tail.split_off(self.tail.len().saturating_sub(count));
        self.clear();
        self.queued = last.len();
        self.tail = last;
    }

    /// Drops all that waits; a send in flight goes on.
    pub(super) fn clear(&mut self) {
        self.tail = Vec::new();
        self.between = Larges::default();
        self.queued = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: usize = 64 << 10;

    /// Gathered runs, numbered from `a`, and large pieces, numbered from `1`.
    fn mixed(long: usize) -> Output {
        let (mut output, buffers) = (Output::default(), &mut Vec::new());
        output.add_large(Chunk::Static(b"11"));
        output.write(buffers, b"aaa");
        output.add_large(Chunk::Vec(vec![b'2'; 5]));
        output.add_large(Chunk::Static(b"33"));
        output.write(buffers, &vec![b'b'; long]);
        output.add_large(Chunk::Static(b"444"));
        output.write(buffers, b"c");
        output
    }

    fn bytes(output: &Output) -> Vec<u8> {
        output.slices().collect::<Vec<_>>().concat()
    }

    #[test]
    fn any_number_of_bytes_is_consumed_and_more_written_behind() {
        for long in [3, BODY_COPIED_MAX_BYTES + 3] {
            let all = bytes(&mixed(long));
            let near = |at: usize| at < 20 || at + 20 > all.len();
            for count in (0..=all.len()).filter(|at| near(*at)) {
                let mut output = mixed(long);
                output.consume(count, &mut Vec::new());
                assert_eq!(bytes(&output), all[count..], "{count} of {long}");
                assert_eq!(output.queued, all.len() - count);
                output.write(&mut Vec::new(), b"more");
                let expected = [&all[count..], b"more"].concat();
                assert_eq!(bytes(&output), expected, "{count} of {long}");
            }
        }
    }

    #[test]
    fn pieces_are_popped_in_their_order() {
        let mut output = mixed(4);
        let mut popped = Vec::new();
        while let Some(piece) = output.pop() {
            popped.push(String::from_utf8(piece.to_vec()).expect("text"));
        }
        assert_eq!(popped, ["11", "aaa", "22222", "33", "bbbb", "444", "c"]);
        assert_eq!(output.queued, 0);
    }

    #[test]
    fn all_but_the_last_bytes_is_dropped() {
        let mut output = mixed(LONG);
        output.write(&mut Vec::new(), b"last");
        output.keep_last(4);
        assert_eq!((bytes(&output), output.queued), (b"last".to_vec(), 4));
        assert!(output.between.is_empty());
    }

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
