//! The part of a turn that a connection may use for what costs the server more than it costs the client: control
//! frames, small pieces of bodies, streams that come to nothing. Bytes that are received beyond that part stay unread,
//! and are read in a later turn, in turns with the other connections that have such a rest. Meanwhile nothing more is
//! received, and from then on one buffer at a time, until one is read without a rest. So however many connections do
//! that, a turn stays short and their bytes stay with the kernel, and a request of another connection is answered in
//! the turn in which it comes.
//!
//! Counted in units of work by who reads the bytes of a protocol (HTTP/2: `upgraded/http2/read.rs`). A request that is
//! answered at once costs no unit. Called by that, by `read.rs`, and by the engine before each wait.

use super::engine::Engine;
use super::key::ConnectionKey;
use super::table::Intake;
use ringgate_runtime::Core;
use std::collections::VecDeque;
use std::rc::Rc;

/// Units of one connection, each time its bytes are read. A unit takes 0.1 to 0.2 microseconds.
const UNITS: u32 = 64;
/// The same once [`UNITS_PER_TURN`] are used up: as much as a client needs that opens its connection.
const UNITS_LEAST: u32 = 16;
/// Units of a turn for connections whose bytes came just now.
const UNITS_PER_TURN: u32 = 1024;
/// Units of a turn for the rests of connections.
const REST_UNITS_PER_TURN: u32 = 512;
/// Units for looking at a rest at all: what is said is sent, and the next bytes are received.
const UNITS_OF_REST: u32 = 8;

/// How many of something this turn has used up.
#[derive(Default)]
pub(super) struct Allowance {
    turn: u64,
    used: u32,
}

impl Allowance {
    /// Whether one more may be; `spend` takes it.
    pub(super) fn is_left(&mut self, turn: u64, most: u32) -> bool {
        if self.turn != turn {
            self.turn = turn;
            self.used = 0;
        }
        self.used < most
    }

    pub(super) fn spend(&mut self, count: u32) {
        self.used = self.used.saturating_add(count);
    }
}

/// The connections with a rest, and the units of this turn.
#[derive(Default)]
pub(super) struct Shares {
    /// In the order in which they are read. Each of them is marked ([`Connection::has_rest`]), unless it has gone.
    ///
    /// [`Connection::has_rest`]: super::table::Connection::has_rest
    rests: VecDeque<ConnectionKey>,
    used: Allowance,
    used_by_rests: Allowance,
    /// Whether a rest is being read.
    reads_rest: bool,
}

impl Shares {
    /// Whether there is something to do for the next turn.
    pub(super) fn are_waiting(&self) -> bool {
        !self.rests.is_empty()
    }
}

impl Engine {
    /// The units that a connection may use now, at least one; None if its turn has not come.
    #[inline]
    pub(super) fn units(&mut self, core: &Core, key: ConnectionKey) -> Option<u32> {
        if self.table.get(key)?.has_rest {
            return None;
        }
        let is_left =
            self.shares.reads_rest || self.shares.used.is_left(core.turn_number(), UNITS_PER_TURN);
        Some(if is_left { UNITS } else { UNITS_LEAST })
    }

    /// A connection has used so many units; with all of them it has a rest that is read later.
    #[inline]
    pub(super) fn spend_units(&mut self, used: u32) {
        let shares = &mut self.shares;
        match shares.reads_rest {
            true => shares.used_by_rests.spend(used),
            false => shares.used.spend(used),
        }
    }

    /// The units of a connection are used up, and it has more to be read.
    pub(super) fn leave_rest(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key)
            && !std::mem::replace(&mut connection.has_rest, true)
        {
            connection.intake = Intake::Slowed;
            self.shares.rests.push_back(key);
        }
    }

    /// The bytes that came are read: without a rest, more are received than one buffer at a time from here on.
    #[inline]
    pub(super) fn quicken(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key)
            && !connection.has_rest
            && connection.intake == Intake::Slowed
        {
            connection.intake = Intake::Ample;
        }
    }

    /// Reads on where there is a rest, as far as this turn goes.
    pub(super) fn read_rests(&mut self, core: &Rc<Core>) {
        while self
            .shares
            .used_by_rests
            .is_left(core.turn_number(), REST_UNITS_PER_TURN)
            && let Some(key) = self.shares.rests.pop_front()
        {
            let Some(connection) = self.table.get(key) else {
                continue;
            };
            connection.has_rest = false;
            self.shares.used_by_rests.spend(UNITS_OF_REST);
            self.shares.reads_rest = true;
            self.advance(core, key);
            self.shares.reads_rest = false;
            self.settle(core, key);
            self.regulate(core, key);
        }
    }
}
