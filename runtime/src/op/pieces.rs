//! Bytes that lie in several places and leave in one send: gathered bytes, and between them large ones that nobody
//! copies.
//!
//! Filled by the owner of events, sent by [`Core::send_pieces`](crate::Core::send_pieces), and told what of them has
//! gone. Deliberately not here: which bytes are worth a place of their own.

use super::SendBuffer;
use crate::fs::FrozenPart;
use std::collections::VecDeque;
use std::fmt;
use std::os::fd::RawFd;

/// Places that one send takes bytes from. The rest goes with the next.
const PLACES_MAX: usize = 16;

/// Large bytes among gathered ones.
///
/// ```
/// use ringgate_runtime::op::Between;
///
/// let body = Between { at: 19, bytes: "the body".into() }; // behind a head of 19 bytes
/// assert_eq!(body.bytes.len(), 8);
/// ```
#[derive(Debug)]
pub struct Between {
    /// The gathered bytes that come before them.
    pub at: usize,
    /// The bytes.
    pub bytes: SendBuffer,
}

/// Bytes that lie in several places, in their order. A send owns them until it completes.
///
/// ```
/// use ringgate_runtime::SendPieces;
/// use ringgate_runtime::op::Between;
///
/// let body = Between { at: 5, bytes: "body".into() };
/// let mut pieces = SendPieces::new();
/// pieces.fill(b"head tail".to_vec(), [body].into());
/// let text = |pieces: &SendPieces| pieces.slices().collect::<Vec<_>>().concat();
/// assert_eq!(text(&pieces), b"head bodytail");
/// pieces.advance(7); // so many have gone
/// assert_eq!((pieces.len(), text(&pieces)), (6, b"dytail".to_vec()));
/// ```
pub struct SendPieces {
    gathered: Vec<u8>,
    /// In order; behind `done`, but for the first, of which a part may be gone.
    between: VecDeque<Between>,
    /// Gathered bytes that are gone.
    done: usize,
    /// The places that the send in flight takes bytes from, at which the header points.
    places: [libc::iovec; PLACES_MAX],
    header: libc::msghdr,
    in_place: InPlace,
}

/// A send that is made in place, and how far it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InPlace {
    pub(crate) socket: RawFd,
    /// Bytes to send.
    pub(crate) most: usize,
    /// Whether others follow at once.
    pub(crate) more: bool,
    /// Bytes that the socket has.
    pub(crate) done: usize,
}

/// Bytes in one place.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Plain(&'a [u8]),
    Frozen(FrozenPart<'a>),
}

impl<'a> Place<'a> {
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Place::Plain(bytes) => bytes,
            Place::Frozen(part) => part.as_slice(),
        }
    }

    /// The bytes from `from` on, `most` at most.
    fn part(self, from: usize, most: usize) -> Place<'a> {
        match self {
            Place::Plain(bytes) => Place::Plain(&bytes[from..bytes.len().min(from + most)]),
            Place::Frozen(part) => Place::Frozen(part.part(from, most)),
        }
    }
}

impl SendPieces {
    /// No bytes. In a box, since the kernel is told where they are.
    pub fn new() -> Box<SendPieces> {
        // SAFETY: iovec and msghdr are plain integers and pointers, for which zero is a value (sendmsg(2)).
        // Guarded by `pieces_arrive_in_their_order`.
        let (places, header) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Box::new(SendPieces {
            gathered: Vec::new(),
            between: VecDeque::new(),
            done: 0,
            places,
            header,
            in_place: InPlace {
                socket: -1,
                most: 0,
                more: false,
                done: 0,
            },
        })
    }

    /// Puts bytes in: what is gathered, and what comes between, in order.
    ///
    /// # Panics
    /// If there are bytes already, or places are not in order.
    pub fn fill(&mut self, gathered: Vec<u8>, between: VecDeque<Between>) {
        assert!(self.is_empty(), "one filling after the other");
        let places = between.iter().map(|one| one.at);
        let is_in_order = places.is_sorted_by(|one, next| one <= next);
        let ends_inside = between.back().is_none_or(|last| last.at <= gathered.len());
        assert!(is_in_order && ends_inside, "each place is behind the last");
        (self.gathered, self.between, self.done) = (gathered, between, 0);
    }

    /// The bytes that are left, place by place; some may be empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.between.iter().map(|one| one.at);
        let begins = std::iter::once(self.done).chain(ends.clone());
        let runs = begins.zip(ends.chain([self.gathered.len()]));
        let large = self.between.iter().map(|one| &*one.bytes);
        let large = large.chain([&b""[..]]);
        runs.zip(large)
            .flat_map(|((begin, end), large)| [&self.gathered[begin..end], large])
    }

    /// The same, and which of them are frozen.
    fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let large = self.between.iter().map(|one| match &one.bytes {
            SendBuffer::Frozen(frozen) => Place::Frozen(frozen.lent()),
            bytes => Place::Plain(bytes.as_slice()),
        });
        let large = large.map(Some).chain([None]);
        let ends = self.between.iter().map(|one| one.at);
        let begins = std::iter::once(self.done).chain(ends.clone());
        let runs = begins.zip(ends.chain([self.gathered.len()]));
        let runs = runs.map(|(begin, end)| Place::Plain(&self.gathered[begin..end]));
        runs.zip(large)
            .flat_map(|(run, large)| [Some(run), large])
            .flatten()
    }

    /// Whether there are frozen bytes among them.
    pub(crate) fn has_frozen(&self) -> bool {
        let mut large = self.between.iter();
        large.any(|one| matches!(one.bytes, SendBuffer::Frozen(_)))
    }

    /// A send in place begins.
    pub(crate) fn begin_in_place(&mut self, send: InPlace) {
        let most = send.most.min(self.len());
        let more = send.more || most < self.len();
        self.in_place = InPlace { most, more, ..send };
    }

    pub(crate) fn in_place(&self) -> InPlace {
        self.in_place
    }

    /// The bytes in the next place, and whether others follow them at once; None at the end of what is to be sent.
    pub(crate) fn next_in_place(&self) -> Option<(Place<'_>, bool)> {
        let InPlace {
            most, more, done, ..
        } = self.in_place;
        let left = most - done;
        if left == 0 {
            return None;
        }
        let mut skipped = done;
        for place in self.places() {
            let len = place.bytes().len();
            if skipped < len {
                let next = place.part(skipped, left);
                return Some((next, more || next.bytes().len() < left));
            }
            skipped -= len;
        }
        None
    }

    /// Counts bytes that the socket has taken.
    pub(crate) fn went_in_place(&mut self, count: usize) {
        self.in_place.done += count;
    }

    /// Number of bytes that are left.
    pub fn len(&self) -> usize {
        let large: usize = self.between.iter().map(|one| one.bytes.len()).sum();
        self.gathered.len() - self.done + large
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.gathered.len() == self.done && self.between.is_empty()
    }

    /// Drops the first `count` bytes, and at once all large ones that are gone.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn advance(&mut self, mut count: usize) {
        while let Some(next) = self.between.front_mut() {
            let run = count.min(next.at - self.done);
            self.done += run;
            count -= run;
            if count < next.bytes.len() {
                if count > 0 {
                    next.bytes.advance(count);
                }
                return;
            }
            if self.done < next.at {
                return;
            }
            count -= next.bytes.len();
            self.between.pop_front();
        }
        assert!(count <= self.gathered.len() - self.done, "not so many");
        self.done += count;
    }

    /// Takes the memory of the gathered bytes out, all of which are gone.
    ///
    /// # Panics
    /// If bytes are left.
    pub fn take_gathered(&mut self) -> Vec<u8> {
        assert!(self.is_empty(), "they are not gone");
        self.done = 0;
        std::mem::take(&mut self.gathered)
    }

    /// Points the header at the next bytes, `most` at most. Answers the header, which is valid until the pieces are
    /// changed or dropped, and the number of bytes.
    pub(crate) fn point(&mut self, most: usize) -> (*const libc::msghdr, usize) {
        let mut places = [const { &[] as &[u8] }; PLACES_MAX];
        let (mut count, mut left) = (0, most);
        let there = self.slices().filter(|bytes| !bytes.is_empty());
        for (place, bytes) in places.iter_mut().zip(there) {
            *place = &bytes[..bytes.len().min(left)];
            left -= place.len();
            count += 1;
            if left == 0 {
                break;
            }
        }
        let places = places.map(|bytes| libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        });
        self.places = places;
        self.header.msg_iov = self.places.as_mut_ptr();
        self.header.msg_iovlen = count as _;
        (&raw const self.header, most - left)
    }
}

impl fmt::Debug for SendPieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes to send in pieces", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice::from_raw_parts;

    /// Gathered `abcdefgh` with large bytes at three places, two of them the same.
    fn pieces() -> Box<SendPieces> {
        let between = [(0, "12"), (3, "345"), (3, "6"), (8, "789")];
        let between = between.map(|(at, text)| Between {
            at,
            bytes: text.into(),
        });
        let mut pieces = SendPieces::new();
        pieces.fill(b"abcdefgh".to_vec(), between.into());
        pieces
    }

    const ALL: &[u8] = b"12abc3456defgh789";

    fn text(pieces: &SendPieces) -> Vec<u8> {
        pieces.slices().collect::<Vec<_>>().concat()
    }

    #[test]
    fn bytes_go_in_their_order_from_any_byte_on() {
        for first in 0..=ALL.len() {
            for second in first..=ALL.len() {
                let mut pieces = pieces();
                pieces.advance(first);
                assert_eq!(text(&pieces), ALL[first..], "{first}");
                pieces.advance(second - first);
                assert_eq!(text(&pieces), ALL[second..], "{first}, {second}");
                assert_eq!(pieces.len(), ALL.len() - second);
                assert_eq!(pieces.is_empty(), second == ALL.len());
            }
        }
    }

    #[test]
    fn a_send_is_pointed_at_the_next_bytes_and_no_more_than_it_may_take() {
        for from in 0..ALL.len() {
            for most in 1..=ALL.len() {
                let mut pieces = pieces();
                pieces.advance(from);
                let (header, count) = pieces.point(most);
                assert_eq!(count, most.min(ALL.len() - from));
                // SAFETY: the pieces are unchanged since, so what the header points at is there (the contract of
                // `point`). The test itself would find other bytes.
                let places = unsafe { from_raw_parts((*header).msg_iov, (*header).msg_iovlen) };
                let bytes = places.iter().map(|place| {
                    // SAFETY: as above: each place is a slice of the pieces.
                    unsafe { from_raw_parts(place.iov_base.cast::<u8>(), place.iov_len) }
                });
                let bytes: Vec<_> = bytes.collect();
                assert_eq!(bytes.concat(), ALL[from..from + count]);
            }
        }
    }

    #[test]
    fn large_bytes_are_let_go_as_soon_as_they_are_gone() {
        let shared = bytes::Bytes::from(vec![b'x'; 100]);
        let between = Between {
            at: 1,
            bytes: shared.clone().into(),
        };
        let mut pieces = SendPieces::new();
        pieces.fill(b"hh".to_vec(), [between].into());
        pieces.advance(100);
        assert!(!shared.is_unique());
        pieces.advance(1);
        assert!(shared.is_unique(), "only gathered bytes are left");
        pieces.advance(1);
        assert_eq!(pieces.take_gathered(), b"hh");
    }

    #[test]
    #[should_panic(expected = "not so many")]
    fn more_bytes_than_there_are_cannot_be_gone() {
        pieces().advance(ALL.len() + 1);
    }
}
