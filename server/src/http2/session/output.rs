//! Which payload goes out, and when (RFC 9113 section 5.2, RFC 9218 section 10): a frame after the other, of the
//! stream whose turn it is, as far as both windows and the output have room. Called by the connection code when
//! it has filled its output otherwise, and again when the client has taken that.

use super::super::budgets::Limits;
use super::super::frame::{self, Flags, HEADER_SIZE_BYTES, Kind, PAYLOAD_SIZE_BYTES_MAX, StreamId};
use super::Session;
use super::streams::Pending;
use bytes::Bytes;

/// The place that frames are written to.
pub trait Output {
    /// Bytes that are there.
    fn size(&self) -> usize;

    /// So many bytes are about to be appended: the place for them is made at once, instead of growing under them.
    fn reserve(&mut self, bytes: usize);

    /// The place for short bytes.
    fn tail(&mut self) -> &mut Vec<u8>;

    /// Whether so many bytes of payload in one place are shared and not copied.
    fn shares(&self, bytes: usize) -> bool;

    /// Appends payload, copied or shared as suits the output.
    fn piece(&mut self, bytes: Bytes);

    /// A stream's payload is all but out: whoever makes it may make more.
    fn has_room(&mut self, stream: StreamId);
}

impl Output for Vec<u8> {
    fn size(&self) -> usize {
        self.len()
    }

    fn reserve(&mut self, bytes: usize) {
        Vec::reserve(self, bytes);
    }

    fn tail(&mut self) -> &mut Vec<u8> {
        self
    }

    fn shares(&self, _: usize) -> bool {
        false
    }

    fn piece(&mut self, bytes: Bytes) {
        self.extend_from_slice(&bytes);
    }

    fn has_room(&mut self, _: StreamId) {}
}

impl Session {
    /// Whether there is payload that could be sent now.
    pub fn has_output(&self) -> bool {
        let room = self.send.room();
        self.queue.next(|id| self.may_send(id, room)).is_some()
    }

    /// Appends payload that waits, until `out` has `output_size` bytes, no window has room, or nothing waits.
    pub fn poll_output<O: Output>(&mut self, limits: &Limits, seconds: u32, out: &mut O) {
        while out.size() < limits.output_size as usize {
            let room = self.send.room();
            let Some(next) = self.queue.next(|id| self.may_send(id, room)) else {
                return;
            };
            self.send_frame(next, limits, seconds, out);
        }
    }

    #[inline]
    fn may_send(&self, stream: StreamId, room: u32) -> bool {
        let found = self.streams.get(stream);
        found.is_some_and(|found| found.may_send(room))
    }

    fn send_frame<O: Output>(
        &mut self,
        stream: StreamId,
        limits: &Limits,
        seconds: u32,
        out: &mut O,
    ) {
        let room = self.send.room();
        let Some(found) = self.streams.get_mut(stream) else {
            return;
        };
        let room = room.min(found.send.room()) as usize;
        let Some(pending) = &mut found.pending else {
            return;
        };
        let most = pending.size.min(room);
        let count = most.min(PAYLOAD_SIZE_BYTES_MAX);
        let first = pending.chunks.front().map_or(0, Bytes::len);
        if !out.shares(first) {
            out.reserve(size_in_frames(
                most,
                limits.output_size as usize,
                out.size(),
            ));
        }
        let before = pending.size;
        let is_all = count == pending.size;
        let is_last = is_all && pending.end;
        let trailers = match is_last {
            true => pending.trailers.take(),
            false => None,
        };
        if count > 0 || trailers.is_none() {
            let flags = match is_last && trailers.is_none() {
                true => Flags::END_STREAM,
                false => Flags::NONE,
            };
            frame::write_header(count, Kind::Data, flags, stream, out.tail());
            pending.take(count, out);
        }
        if is_all {
            found.pending = None;
            self.queue.remove(stream);
        } else {
            self.queue.sent(stream);
        }
        self.sent(stream, count as u32, seconds);
        if let Some(trailers) = trailers {
            self.write_trailers(stream, &trailers, out.tail());
        }
        if is_last {
            return self.answered(stream, seconds, out.tail());
        }
        let low = limits.pending_size as usize / 2;
        if before > low && before - count <= low || is_all {
            out.has_room(stream);
        }
    }
}

/// Bytes of the frames in which one call sends `payload` of a stream, if no other sends: the last of them begins before
/// the output has `output_size` bytes.
#[inline]
fn size_in_frames(payload: usize, output_size: usize, size: usize) -> usize {
    let frames = output_size
        .saturating_sub(size)
        .div_ceil(HEADER_SIZE_BYTES + PAYLOAD_SIZE_BYTES_MAX);
    let payload = payload.min(frames * PAYLOAD_SIZE_BYTES_MAX);
    payload + payload.div_ceil(PAYLOAD_SIZE_BYTES_MAX).max(1) * HEADER_SIZE_BYTES
}

impl Pending {
    /// Moves `count` bytes out.
    fn take<O: Output>(&mut self, mut count: usize, out: &mut O) {
        self.size -= count;
        while count > 0
            && let Some(chunk) = self.chunks.front_mut()
        {
            match chunk.len() > count {
                true => {
                    out.piece(chunk.split_to(count));
                    return;
                }
                false => {
                    count -= chunk.len();
                    if let Some(chunk) = self.chunks.pop_front() {
                        out.piece(chunk);
                    }
                }
            }
        }
    }
}
