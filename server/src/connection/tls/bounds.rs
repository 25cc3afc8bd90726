//! How many handshakes a core has in progress, and how many costly ones it begins in a turn: a signature takes
//! as long as dozens of requests, and a crowd of new clients must not hold up those that are served.
//!
//! Asked by [`super::shake`], by `accept.rs` and at the end of a connection. A client that finds no room
//! waits unread: its first bytes stay in the kernel, and its time (`handshake_timeout`) runs.

use crate::connection::key::ConnectionKey;
use crate::tls::handshake::Facts;
use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Agreements that are remembered, so that connections with the same one share it.
const FACTS_REMEMBERED_MAX: usize = 16;

/// The handshakes of a core.
#[derive(Default)]
pub(in crate::connection) struct Handshakes {
    in_progress: HashSet<ConnectionKey>,
    /// Connections that are not read from before another handshake ends.
    outside: VecDeque<ConnectionKey>,
    /// Connections whose first bytes came and wait for their turn.
    due: VecDeque<ConnectionKey>,
    turn: u64,
    begun: u32,
    remembered: Vec<Arc<Facts>>,
}

impl Handshakes {
    /// Whether one more may be in progress.
    pub(super) fn has_room(&self, most: Option<NonZeroU32>) -> bool {
        most.is_none_or(|most| self.in_progress.len() < most.get() as usize)
    }

    /// One more is in progress, if there is room; else it waits outside.
    pub(super) fn enter(&mut self, key: ConnectionKey, most: Option<NonZeroU32>) -> bool {
        if !self.has_room(most) {
            self.outside.push_back(key);
            return false;
        }
        self.in_progress.insert(key);
        true
    }

    /// Whether the handshake of a connection is one of those in progress.
    pub(in crate::connection) fn is_inside(&self, key: ConnectionKey) -> bool {
        self.in_progress.contains(&key)
    }

    /// The handshake of a connection is over, or never began; whether it was in progress.
    pub(super) fn leave(&mut self, key: ConnectionKey) -> bool {
        let was_inside = self.in_progress.remove(&key);
        if !was_inside {
            self.outside.retain(|other| *other != key);
        }
        was_inside
    }

    /// The connection that waits longest outside, which enters where there is room.
    pub(super) fn next_outside(&mut self) -> Option<ConnectionKey> {
        let key = self.outside.pop_front()?;
        self.in_progress.insert(key);
        Some(key)
    }

    /// Whether a costly step may be taken in this turn, which is counted then.
    pub(super) fn may_begin(&mut self, turn: u64, most: Option<NonZeroU32>) -> bool {
        if self.turn != turn {
            (self.turn, self.begun) = (turn, 0);
        }
        let may = most.is_none_or(|most| self.begun < most.get());
        self.begun += u32::from(may);
        may
    }

    /// Puts a connection off to a later turn.
    pub(super) fn put_off(&mut self, key: ConnectionKey) {
        self.due.push_back(key);
    }

    /// The connection that waits longest for its turn.
    pub(super) fn next_due(&mut self) -> Option<ConnectionKey> {
        self.due.pop_front()
    }

    /// Whether any waits for its turn.
    #[inline]
    pub(in crate::connection) fn are_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Handshakes in progress.
    pub(super) fn in_progress(&self) -> u64 {
        self.in_progress.len() as u64
    }

    /// An agreement in memory that connections share: most clients agree on the same.
    pub(super) fn share(&mut self, facts: Facts) -> Arc<Facts> {
        if let Some(known) = self.remembered.iter().find(|known| ***known == facts) {
            return known.clone();
        }
        let facts = Arc::new(facts);
        if self.remembered.len() == FACTS_REMEMBERED_MAX {
            self.remembered.remove(0);
        }
        self.remembered.push(facts.clone());
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slot: u32) -> ConnectionKey {
        ConnectionKey::new(slot, 0)
    }

    #[test]
    fn who_finds_no_room_enters_when_another_leaves() {
        let mut handshakes = Handshakes::default();
        let most = NonZeroU32::new(2);
        let entered: Vec<bool> = (0..4)
            .map(|slot| handshakes.enter(key(slot), most))
            .collect();
        assert_eq!(entered, [true, true, false, false]);
        assert!(handshakes.leave(key(0)));
        assert_eq!(handshakes.next_outside(), Some(key(2)));
        assert!(!handshakes.leave(key(3)), "one that waited makes no room");
        assert!(!handshakes.leave(key(0)), "nor does one that left before");
        assert_eq!(
            (handshakes.in_progress(), handshakes.next_outside()),
            (2, None)
        );
    }

    #[test]
    fn a_turn_begins_as_many_as_it_may_and_the_next_one_as_many_again() {
        let mut handshakes = Handshakes::default();
        let most = NonZeroU32::new(1);
        let begins = [7, 7, 8].map(|turn| handshakes.may_begin(turn, most));
        assert_eq!(begins, [true, false, true]);
        assert!((0..9).all(|_| handshakes.may_begin(9, None)));
    }
}
