//! Which messages of one sender one receiver has had: the ledger that knows a lost message from a late one.
//!
//! A connection shows it each number that comes, once its bytes are found good. Pure: no clock, no I/O.

use std::collections::BTreeSet;

/// The numbers that one receiver has had.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Above all numbers that came.
    next: u32,
    /// Numbers below `next` that have not come.
    missing: BTreeSet<u32>,
}

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Behind all messages that were sent before it; some of them may be missing.
    InOrder,
    /// Behind one that was sent after it.
    Late,
    /// For the second time.
    Again,
    /// Without having been sent.
    Unsent,
}

impl Ledger {
    /// Takes message `number` of a sender that has sent `sent`.
    pub(super) fn take(&mut self, number: u32, sent: u32) -> Came {
        if number >= sent {
            return Came::Unsent;
        }
        if number >= self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
            return Came::InOrder;
        }
        match self.missing.remove(&number) {
            true => Came::Late,
            false => Came::Again,
        }
    }

    /// How many messages have come, each counted once.
    pub(super) fn received(&self) -> u32 {
        self.next - self.missing.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_missing_until_it_is_filled_and_what_fills_it_is_late() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.take(0, 10), Came::InOrder);
        assert_eq!(ledger.take(3, 10), Came::InOrder);
        assert_eq!(ledger.received(), 2);
        assert_eq!(ledger.take(1, 10), Came::Late);
        assert_eq!(ledger.take(1, 10), Came::Again);
        assert_eq!(ledger.take(3, 10), Came::Again);
        assert_eq!(ledger.take(10, 10), Came::Unsent);
        assert_eq!(ledger.received(), 3);
        assert_eq!(ledger.take(2, 10), Came::Late);
        assert_eq!(ledger.received(), 4);
    }
}
