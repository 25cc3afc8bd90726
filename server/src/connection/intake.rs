//! How many connections a turn of the loop takes in (row M9, docs/seeds.md): beyond
//! `accepts_per_turn` they wait as bare descriptors for the next turns, and the multishot accept
//! rests meanwhile. What the kernel has accepted already is never lost for it, and those who are
//! served wait no longer for a crowd that comes.
//!
//! Called by `accept.rs` for what an accept brings, and by the engine before each wait. A connection
//! is in the ledgers once it is taken in.

use super::accept::Fresh;
use super::engine::Engine;
use ringgate_runtime::Core;
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::rc::Rc;

/// Connections that were accepted and not taken in, and how many this turn took.
#[derive(Default)]
pub(super) struct Intake {
    waiting: VecDeque<Fresh>,
    turn: u64,
    taken: u32,
}

impl Intake {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Counts one more of this turn, unless there were as many as may be.
    fn takes(&mut self, turn: u64, most: Option<NonZeroU32>) -> bool {
        if self.turn != turn {
            self.turn = turn;
            self.taken = 0;
        }
        let takes = most.is_none_or(|most| self.taken < most.get());
        self.taken += u32::from(takes);
        takes
    }
}

impl Engine {
    /// A connection was accepted: in this turn, or a later one.
    pub(super) fn take_in(&mut self, core: &Rc<Core>, fresh: Fresh) {
        let most = self.settings.accepts_per_turn;
        if self.intake.is_empty() && self.intake.takes(core.turn_number(), most) {
            self.begin_here(core, fresh);
        } else {
            self.intake.waiting.push_back(fresh);
        }
    }

    /// Takes in what waits, as far as this turn may.
    pub(super) fn take_in_waiting(&mut self, core: &Rc<Core>) {
        if self.intake.is_empty() {
            return;
        }
        let most = match self.is_serving() {
            true => self.settings.accepts_per_turn,
            // Nothing is to be left behind by a core that ends.
            false => None,
        };
        while !self.intake.is_empty() && self.intake.takes(core.turn_number(), most) {
            if let Some(fresh) = self.intake.waiting.pop_front() {
                self.begin_here(core, fresh);
            }
        }
        if self.intake.is_empty() {
            self.accept_where_idle(core);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_takes_as_many_as_it_may_and_the_next_one_as_many_again() {
        let mut intake = Intake::default();
        let mut taken = |turn| {
            (0..5)
                .filter(|_| intake.takes(turn, NonZeroU32::new(3)))
                .count()
        };
        assert_eq!([taken(7), taken(7), taken(8)], [3, 0, 3]);
        assert!((0..100).all(|_| intake.takes(8, None)));
    }
}
