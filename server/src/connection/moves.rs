//! How many connections a turn of the loop moves to other cores or closes in a drain, and how many it
//! takes in from others: the rest waits for the next turns, so that nobody's request waits behind
//! thousands of them.
//!
//! Called by the engine before each wait and when there is mail. `transfer.rs` says what a move is;
//! the course of the core or [`Message::Spread`] says which connections are to move. A core that is
//! given connections leaves what it may not take yet in its mailbox, where the coordinator finds it
//! if the core gets stuck.

use super::engine::{Engine, Message};
use super::key::ConnectionKey;
use super::share::Allowance;
use super::table::Connection;
use crate::http1::exchange::State;
use crate::http1::upgraded::Phase;
use ringgate_runtime::{Core, Moment};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Moves that a turn begins at most, and as many connections it takes in. A move was measured to take
/// either side about 2.5 microseconds, a request alone about 6.
const MOVES_PER_TURN_MAX: u32 = 16;

/// Idle connections that a turn of a drain looks at, and closes if their grace is over.
const CLOSES_PER_TURN_MAX: u32 = 16;
/// How long an idle connection whose grace is over may wait for its turn to close, for one that the
/// drain leaves behind because it is called off.
const CLOSE_LATEST: Duration = Duration::from_secs(1);

/// The connections that are to move, and how many of them this turn moved.
#[derive(Default)]
pub(super) struct Moves {
    /// Connections that are to go, and to which core; None: where the course says.
    leaving: VecDeque<(ConnectionKey, Option<u32>)>,
    /// There may be more mail than this turn could hear.
    mail: bool,
    sent: Allowance,
    closed: Allowance,
    taken: Allowance,
}

impl Moves {
    /// Whether there is something to do for the next turn.
    pub(super) fn are_waiting(&self) -> bool {
        self.mail || !self.leaving.is_empty()
    }

    /// Whether words may lie in the mailbox that this core has yet to hear.
    pub(super) fn has_mail(&self) -> bool {
        self.mail
    }

    /// Forgets the moves that were asked for.
    pub(super) fn forget(&mut self) {
        self.leaving.clear();
    }

    /// Every one of these is to follow the course of the core.
    pub(super) fn follow(&mut self, keys: Vec<ConnectionKey>) {
        self.leaving.extend(keys.into_iter().map(|key| (key, None)));
    }
}

impl Engine {
    /// Begins the moves that this turn may begin, or closes as many as it may.
    pub(super) fn begin_moves(&mut self, core: &Rc<Core>) {
        let draining = self.is_draining();
        loop {
            let (allowance, most) = match draining {
                true => (&mut self.moves.closed, CLOSES_PER_TURN_MAX),
                false => (&mut self.moves.sent, MOVES_PER_TURN_MAX),
            };
            if !allowance.is_left(core.turn_number(), most) {
                return;
            }
            let Some((key, to)) = self.moves.leaving.pop_front() else {
                return;
            };
            allowance.spend(1);
            match to {
                Some(to) => self.move_out(core, key, to),
                None => self.follow_course(core, key),
            }
        }
    }

    /// Whether an idle connection may close now that its time is over. In a drain thousands may be
    /// due at the same instant: then it waits for its turn.
    pub(super) fn may_close_now(&mut self, core: &Core, key: ConnectionKey) -> bool {
        if !self.is_draining() {
            return true;
        }
        if self
            .moves
            .closed
            .is_left(core.turn_number(), CLOSES_PER_TURN_MAX)
        {
            self.moves.closed.spend(1);
            return true;
        }
        self.moves.follow(vec![key]);
        if let Some(connection) = self.table.get(key) {
            connection.put_deadline(core, key, core.now() + CLOSE_LATEST);
        }
        false
    }

    /// Hears what the others say, up to as many connections as this turn may take.
    pub(super) fn hear_mail(&mut self, core: &Rc<Core>) {
        self.moves.mail = !self.may_take_in(core);
        while !self.moves.mail
            && let Some(message) = self.post.next(self.index)
        {
            if matches!(message, Message::Parcel(_) | Message::Adopt(_)) {
                self.moves.taken.spend(1);
            }
            self.hear(core, message);
            self.moves.mail = !self.may_take_in(core);
        }
    }

    fn may_take_in(&mut self, core: &Core) -> bool {
        self.moves
            .taken
            .is_left(core.turn_number(), MOVES_PER_TURN_MAX)
    }

    /// Moves so many idle connections each, and none that an earlier word meant; those are first that
    /// were idle longest.
    pub(super) fn spread(&mut self, shares: &[(u32, u64)]) {
        if !self.is_serving() {
            return;
        }
        self.moves.forget();
        // Where one of them is another process, all go where the first one does: what stays is the same for all cores.
        let Some((first, _)) = shares.first() else {
            return;
        };
        let mut idle: Vec<(Moment, ConnectionKey)> = Vec::new();
        for key in self.table.keys() {
            let Some(connection) = self.table.get(key) else {
                continue;
            };
            let (may_be, since) = (may_be_spread(connection), connection.idle_since);
            // One that waits at the gate has its place there among those of its core.
            let may_be = may_be && !self.arrivals.contains_key(&key);
            if may_be && self.can_move_out(key, *first) {
                idle.push((since, key));
            }
        }
        let wanted: u64 = shares.iter().map(|(_, count)| count).sum();
        let wanted = wanted as usize;
        if wanted < idle.len() {
            idle.select_nth_unstable_by_key(wanted, |(since, _)| *since);
            idle.truncate(wanted);
        }
        let mut idle = idle.into_iter();
        for (to, count) in shares {
            let share = idle.by_ref().take(*count as usize);
            let share = share.map(|(_, key)| (key, Some(*to)));
            self.moves.leaving.extend(share);
        }
    }
}

fn may_be_spread(connection: &Connection) -> bool {
    matches!(
        connection.wire.state(),
        State::Idle | State::Upgraded(Phase::Open | Phase::Rest | Phase::Streams)
    ) && connection.is_movable()
        && connection.moving_to.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_moves_as_many_as_it_may_and_the_next_one_as_many_again() {
        let all = MOVES_PER_TURN_MAX;
        let mut allowance = Allowance::default();
        let mut moved = |turn| {
            let moves = (0..1000).take_while(|_| {
                let is_left = allowance.is_left(turn, all);
                allowance.spend(1);
                is_left
            });
            moves.count() as u32
        };
        assert_eq!([moved(7), moved(7), moved(8)], [all, 0, all]);
    }
}
