//! The bytes that a message header points at, as the kernel finds them: place by place. Read when a send of pieces
//! is tried, from the memory that the operation owns, and never kept.

use super::faults::Random;

/// The places of a message.
pub(super) struct Message<'m>(Vec<&'m [u8]>);

impl<'m> Message<'m> {
    /// The places that `header` points at.
    ///
    /// # Safety
    /// The header, its vector and all bytes stay in place and unchanged for as long as the message is used.
    pub(super) unsafe fn of(header: *const libc::msghdr) -> Message<'m> {
        // SAFETY: the caller keeps them: the operation owns them until its last completion (sendmsg(2),
        // io_uring_prep_sendmsg(3)). Guarded by `pieces_arrive_in_their_order`.
        let places = unsafe {
            let header = &*header;
            std::slice::from_raw_parts(header.msg_iov, header.msg_iovlen)
        };
        let bytes = |place: &libc::iovec| {
            // SAFETY: as above. Guarded by `pieces_arrive_in_their_order`.
            unsafe { std::slice::from_raw_parts(place.iov_base.cast::<u8>(), place.iov_len) }
        };
        Message(places.iter().map(bytes).collect())
    }

    /// Bytes in one place.
    pub(super) fn from(bytes: &'m [u8]) -> Message<'m> {
        Message(vec![bytes])
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|place| place.len()).sum()
    }

    /// The bytes from `from` on, `count` of them.
    pub(super) fn bytes(&self, from: usize, count: usize) -> Vec<u8> {
        let (mut skipped, mut bytes) = (0, Vec::with_capacity(count));
        for place in &self.0 {
            let from = from.saturating_sub(skipped).min(place.len());
            let most = (place.len() - from).min(count - bytes.len());
            bytes.extend_from_slice(&place[from..from + most]);
            skipped += place.len();
        }
        bytes
    }

    /// An end of a send that is short: behind `from` and before `from + room`. Each place that has bytes in there is
    /// as likely as the others, however small it is, and its last byte as the others together.
    pub(super) fn short_end(&self, from: usize, room: usize, random: &mut Random) -> usize {
        let mut end = 0;
        let mut ends = Vec::new();
        for place in &self.0 {
            let begin = end;
            end += place.len();
            let inside = (begin.max(from) + 1)..(end + 1).min(from + room);
            if !inside.is_empty() {
                ends.push(inside);
            }
        }
        let place = random.up_to(ends.len() as u64) as usize - 1;
        let inside = ends[place].clone();
        match random.chance(0.5) {
            true => inside.end - 1,
            false => inside.start + random.up_to(inside.len() as u64) as usize - 1,
        }
    }
}
