//! Connections on their way to a newer process: which of them wait, which are in flight, and what
//! becomes of them when that process has no room.
//!
//! Pure. Used by [`super::succession`]. A connection belongs to this process until the newer one says
//! that it has it, so whatever comes back is served on here.

use super::word::Word;
use crate::config::Scheme;
use crate::connection::{Fresh, ListenerId, Message, Parcel};
use ringgate_runtime::{Descriptor, Moment};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use zeroize::Zeroizing;

/// Connections that are on their way to the new process at a time.
const IN_FLIGHT_MAX: usize = 64;
/// How long a process without room is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// The most that a process which had no room is offered at a time.
const OFFER_MAX: u32 = 256;

/// A connection that goes to the new process.
pub(crate) enum Luggage {
    Parcel(Box<Parcel>),
    /// Nobody has read from it.
    Fresh(Fresh),
}

impl Luggage {
    /// The listener that the connection came in by.
    pub(crate) fn listener(&self) -> ListenerId {
        match self {
            Luggage::Parcel(parcel) => parcel.listener(),
            Luggage::Fresh(fresh) => fresh.listener,
        }
    }

    /// Whether the keys of TLS go along.
    pub(crate) fn has_keys(&self) -> bool {
        match self {
            Luggage::Parcel(parcel) => parcel.has_keys(),
            Luggage::Fresh(_) => false,
        }
    }

    /// Whether the client speaks TLS, and is still to be shown a certificate.
    pub(crate) fn awaits_handshake(&self) -> bool {
        match self {
            Luggage::Parcel(parcel) => parcel.awaits_handshake(),
            Luggage::Fresh(fresh) => fresh.opening.scheme == Scheme::Https,
        }
    }

    /// Whether another process could make a connection of it.
    pub(crate) fn may_be_packed(&self) -> bool {
        match self {
            Luggage::Parcel(parcel) => parcel.may_be_packed(),
            Luggage::Fresh(_) => true,
        }
    }

    /// The word about it, and the bytes that go along. `unit`: the one that it came in by.
    pub(crate) fn message(&self, id: u64, unit: Option<u32>) -> (Word, Zeroizing<Vec<u8>>) {
        match self {
            Luggage::Parcel(parcel) => {
                let word = Word::Parcel {
                    id,
                    unit,
                    announced: parcel.announced(),
                    silences: parcel.silences(),
                };
                (word, parcel.pack())
            }
            Luggage::Fresh(fresh) => {
                let word = Word::Fresh {
                    id,
                    unit,
                    tls: fresh.opening.scheme == Scheme::Https,
                    proxied: fresh.opening.proxied,
                };
                (word, Zeroizing::default())
            }
        }
    }

    /// The descriptor, to send a copy of it.
    pub(crate) fn socket(&self) -> &Descriptor {
        match self {
            Luggage::Parcel(parcel) => parcel.socket(),
            Luggage::Fresh(fresh) => &fresh.socket,
        }
    }
}

impl Luggage {
    /// Counts the time since then as none for this connection, which has waited.
    pub(crate) fn has_waited(&mut self, now: Moment, since: Moment) {
        match self {
            Luggage::Parcel(parcel) => parcel.has_waited(now, now.since(since)),
            Luggage::Fresh(_) => {}
        }
    }
}

impl TryFrom<Message> for Luggage {
    /// The message, which is no connection.
    type Error = Message;

    fn try_from(message: Message) -> Result<Luggage, Message> {
        match message {
            Message::Parcel(parcel) => Ok(Luggage::Parcel(parcel)),
            Message::Adopt(fresh) => Ok(Luggage::Fresh(fresh)),
            word => Err(word),
        }
    }
}

impl From<Luggage> for Message {
    fn from(luggage: Luggage) -> Message {
        match luggage {
            Luggage::Parcel(parcel) => Message::Parcel(parcel),
            Luggage::Fresh(fresh) => Message::Adopt(fresh),
        }
    }
}

/// How much the new process takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Everything, as far as is known.
    Open,
    /// The new process had no descriptor for a connection. From then on the cores keep theirs, and a few are
    /// offered now and then: so many, when it is time.
    Scarce { offer: u32, at: Moment },
    /// The new process does not listen to this one any more.
    Closed,
}

/// Connections on their way to the new process, and how many it takes.
pub(crate) struct HandOver {
    in_flight: BTreeMap<u64, Luggage>,
    waiting: VecDeque<Luggage>,
    next_id: u64,
    room: Room,
}

impl Default for HandOver {
    fn default() -> HandOver {
        HandOver {
            in_flight: BTreeMap::new(),
            waiting: VecDeque::new(),
            next_id: 0,
            room: Room::Open,
        }
    }
}

impl HandOver {
    /// Whether everything goes to the new process, rather than what is offered to it.
    pub(crate) fn takes_everything(&self) -> bool {
        self.room == Room::Open
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty()
    }

    /// One more; given back if it cannot go.
    #[must_use]
    pub(crate) fn bring(&mut self, luggage: Luggage) -> Option<Luggage> {
        if self.room == Room::Closed {
            return Some(luggage);
        }
        self.waiting.push_back(luggage);
        None
    }

    /// The next to send, with its number; [`HandOver::sent`] says that it is on its way.
    pub(crate) fn next(&self) -> Option<(u64, &Luggage)> {
        let luggage = self.waiting.front()?;
        (self.in_flight.len() < IN_FLIGHT_MAX).then_some((self.next_id, luggage))
    }

    pub(crate) fn sent(&mut self) {
        if let Some(luggage) = self.waiting.pop_front() {
            self.in_flight.insert(self.next_id, luggage);
            self.next_id += 1;
        }
    }

    /// The next one can never be sent: it comes back.
    #[must_use]
    pub(crate) fn too_long(&mut self, now: Moment) -> Vec<Luggage> {
        let back = self.waiting.pop_front();
        let mut back: Vec<Luggage> = back.into_iter().collect();
        back.extend(self.run_short(now));
        back
    }

    /// The new process has this one. Returns it, to be dropped.
    pub(crate) fn taken(&mut self, now: Moment, id: u64) -> Option<Luggage> {
        let luggage = self.in_flight.remove(&id)?;
        if let Room::Scarce { offer, at } = &mut self.room
            && self.in_flight.is_empty()
        {
            // There is room again: more, and at once.
            *offer = offer.saturating_mul(2).min(OFFER_MAX);
            *at = now;
        }
        Some(luggage)
    }

    /// The new process has no room for this one: it comes back, and all that wait.
    #[must_use]
    pub(crate) fn refused(&mut self, now: Moment, id: u64) -> Vec<Luggage> {
        let mut back: Vec<Luggage> = self.in_flight.remove(&id).into_iter().collect();
        back.extend(self.run_short(now));
        back
    }

    fn run_short(&mut self, now: Moment) -> impl Iterator<Item = Luggage> {
        if self.room != Room::Closed {
            let at = now + PAUSE;
            self.room = Room::Scarce { offer: 1, at };
        }
        std::mem::take(&mut self.waiting).into_iter()
    }

    /// The new process does not listen any more: everything comes back.
    #[must_use]
    pub(crate) fn close(&mut self) -> Vec<Luggage> {
        self.room = Room::Closed;
        let in_flight = std::mem::take(&mut self.in_flight).into_values();
        in_flight.chain(std::mem::take(&mut self.waiting)).collect()
    }

    /// How many connections to offer now, if the new process may have room again.
    pub(crate) fn offer(&mut self, now: Moment) -> Option<u32> {
        let is_empty = self.is_empty();
        match &mut self.room {
            Room::Scarce { offer, at } if is_empty && now >= *at => {
                *at = now + PAUSE;
                Some(*offer)
            }
            Room::Open | Room::Scarce { .. } | Room::Closed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::OwnedFd;

    fn luggage() -> Luggage {
        Luggage::Fresh(Fresh {
            socket: OwnedFd::from(File::open("/dev/null").unwrap()).into(),
            listener: ListenerId(0),
            opening: crate::config::Opening::default(),
        })
    }

    fn bring(hand_over: &mut HandOver, count: usize) {
        for _ in 0..count {
            assert!(hand_over.bring(luggage()).is_none());
        }
    }

    fn send_all(hand_over: &mut HandOver) -> Vec<u64> {
        let mut ids = Vec::new();
        while let Some((id, _)) = hand_over.next() {
            hand_over.sent();
            ids.push(id);
        }
        ids
    }

    #[test]
    fn a_bounded_number_is_in_flight_and_each_comes_back_or_is_taken_once() {
        let mut hand_over = HandOver::default();
        let now = Moment::default();
        bring(&mut hand_over, 150);
        let ids = send_all(&mut hand_over);
        assert_eq!(ids.len(), IN_FLIGHT_MAX);
        assert!(hand_over.taken(now, ids[0]).is_some());
        assert!(hand_over.taken(now, ids[0]).is_none());
        // No room for the next: it comes back with the 86 that wait.
        assert_eq!(hand_over.refused(now, ids[1]).len(), 1 + 150 - 64);
        for id in &ids[2..] {
            assert_eq!(hand_over.refused(now, *id).len(), 1);
        }
        assert!(hand_over.is_empty());
        assert!(!hand_over.takes_everything());
    }

    #[test]
    fn a_process_without_room_is_offered_one_a_second_and_more_when_it_takes_them() {
        let mut hand_over = HandOver::default();
        let mut now = Moment::default();
        assert_eq!(hand_over.offer(now), None, "everything goes anyway");
        bring(&mut hand_over, 1);
        let ids = send_all(&mut hand_over);
        assert_eq!(hand_over.refused(now, ids[0]).len(), 1);
        assert_eq!(hand_over.offer(now), None);
        now = now + PAUSE;
        assert_eq!(hand_over.offer(now), Some(1));
        assert_eq!(hand_over.offer(now), None, "once");
        for expected in [2, 4, 8] {
            bring(&mut hand_over, 1);
            let ids = send_all(&mut hand_over);
            assert_eq!(hand_over.offer(now), None, "one is on its way");
            assert!(hand_over.taken(now, ids[0]).is_some());
            assert_eq!(hand_over.offer(now), Some(expected));
        }
    }

    #[test]
    fn nothing_goes_to_a_process_that_does_not_listen() {
        let mut hand_over = HandOver::default();
        bring(&mut hand_over, 70);
        send_all(&mut hand_over);
        assert_eq!(hand_over.close().len(), 70);
        assert!(hand_over.bring(luggage()).is_some());
        assert_eq!(hand_over.offer(Moment::NEVER), None);
    }
}
