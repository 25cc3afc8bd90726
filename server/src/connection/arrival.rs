//! A connection at the gate, where connections hold the slots (`admit = "connection"`): from its
//! accept to its end, as in Hunchentoot, one worker a connection. Until it has its slot nothing of it
//! is read; a poll watches whether its client goes away. One that is refused gets its 503 unasked.
//!
//! Called by `accept.rs` for each connection that comes, by `wait.rs` with what the gate says, and by
//! `transfer.rs` for those that wait while their core leaves, or come from another one. In the ledger of
//! requests there is nothing of it: no request was begun. Where requests hold the slots no connection is
//! ever here.

use super::engine::{Course, Engine};
use super::key::{Candidate, ConnectionKey};
use super::table::{Heir, Receive};
use crate::admission::door::{Entry, Ticket};
use crate::admission::ledger::Reason;
use crate::admission::queue::{NORMAL, Place};
use crate::http1::exchange::Event;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// A connection that waits at the gate.
pub(super) struct Arrival {
    pub(super) place: Place,
    /// When it stops waiting.
    pub(super) timer: Option<TimerId>,
    pub(super) since: Moment,
    /// Whether it has left the queue already, to go to another process.
    is_out: bool,
}

/// A connection cannot move before it has heard what the gate says of it.
#[derive(Debug)]
pub(super) struct TooLate;

/// A connection that waits, between two cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Underway {
    /// The place in the queue; None if that is the queue of another process.
    pub(super) place: Option<Place>,
    pub(super) since: Moment,
}

impl Engine {
    /// A connection was accepted, and asks the gate for a slot before it is read.
    pub(super) fn arrive_at_gate(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let entry = self.door.enter(Candidate::Connection(key), || NORMAL);
        self.stand_at_gate(core, key, entry, core.now());
    }

    /// A connection came from another core, on which it had waited.
    pub(super) fn arrive_again(&mut self, core: &Rc<Core>, key: ConnectionKey, from: Underway) {
        let who = Candidate::Connection(key);
        let entry = match from.place {
            Some(place) => self.door.enter_again(who, place, from.since),
            None => self.door.enter(who, || NORMAL),
        };
        self.stand_at_gate(core, key, entry, from.since);
    }

    fn stand_at_gate(&mut self, core: &Rc<Core>, key: ConnectionKey, entry: Entry, since: Moment) {
        match entry {
            Entry::Run(ticket) => self.arrived(core, key, ticket),
            Entry::Refused(reason) => self.refuse_arrival(core, key, reason),
            Entry::Wait(place) => {
                let arrival = Arrival {
                    place,
                    timer: self.limit_wait(core, Candidate::Connection(key), since),
                    since,
                    is_out: false,
                };
                self.arrivals.insert(key, arrival);
                self.watch_peer(core, key);
            }
        }
    }

    /// Begins to move a connection that waits, if its core leaves: it would have to stay there until others end.
    pub(super) fn move_arrival_out(&mut self, core: &Rc<Core>, key: ConnectionKey, to: u32) {
        let is_leaving = matches!(self.course, Course::Leaving(_));
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if !is_leaving || connection.moving_to.is_some() {
            return;
        }
        connection.moving_to = Some(Heir::core(to));
        self.go_on_moving_out(core, key);
    }

    /// The poll for the client of a connection is over. True if the connection waits and moves.
    pub(super) fn go_on_moving_out(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        if self.arrivals.is_empty() || !self.arrivals.contains_key(&key) {
            return false;
        }
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        if connection.moving_to.is_none() {
            return false;
        }
        match connection.watch {
            Receive::Off => self.move_out_when_quiet(core, key),
            Receive::On(_) | Receive::Ending(_) => self.stop_watching(core, key),
        }
        true
    }

    /// Takes a connection that moves out of the queue, if it waits there.
    ///
    /// # Errors
    /// The gate's word on it is on the way already.
    pub(super) fn leave_queue(
        &mut self,
        core: &Core,
        key: ConnectionKey,
    ) -> Result<Option<Underway>, TooLate> {
        match self.arrivals.get(&key) {
            None => return Ok(None),
            Some(arrival) if arrival.is_out => {}
            Some(arrival) if self.door.give_up(arrival.place) => {}
            Some(_) => return Err(TooLate),
        }
        let arrival = self.no_longer_arrives(core, key);
        Ok(arrival.map(|arrival| Underway {
            place: Some(arrival.place),
            since: arrival.since,
        }))
    }

    /// The course of the core has changed. Connections that are to go to another process leave the queue at once: the slots
    /// of those that go before them are taken there, and are not to be granted here. If they are to stay, they stand in it
    /// again.
    pub(super) fn leave_queue_or_stay(&mut self, core: &Rc<Core>) {
        if self.arrivals.is_empty() {
            return;
        }
        let goes = self.leaves_process();
        for key in self.in_order_of_leaving() {
            if !goes {
                self.stand_in_queue_again(core, key);
            } else if self.may_go_where_the_course_leads(key)
                && self.may_be_packed(key)
                && let Some(arrival) = self.arrivals.get_mut(&key)
            {
                arrival.is_out |= self.door.give_up(arrival.place);
            }
        }
    }

    /// A connection that has left the queue does not go after all, unless its move has begun.
    pub(super) fn stand_in_queue_again(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(arrival) = self.arrivals.get(&key).filter(|arrival| arrival.is_out) else {
            return;
        };
        let from = Underway {
            place: Some(arrival.place),
            since: arrival.since,
        };
        let connection = self.table.get(key);
        if connection.is_none_or(|connection| connection.moving_to.is_some()) {
            return;
        }
        self.no_longer_arrives(core, key);
        self.arrive_again(core, key, from);
        if !self.arrivals.contains_key(&key) {
            self.stop_watching(core, key);
        }
    }

    /// The connections of the core in the order in which they are to leave it: those that wait come last, in the order in
    /// which they came, behind those that have the slots.
    pub(super) fn in_order_of_leaving(&self) -> Vec<ConnectionKey> {
        let mut keys = self.table.keys();
        if !self.arrivals.is_empty() {
            keys.sort_by_key(|key| self.arrivals.get(key).map(|arrival| arrival.place.order()));
        }
        keys
    }

    /// A connection that waited has its slot.
    pub(super) fn let_in(&mut self, core: &Rc<Core>, key: ConnectionKey, ticket: Ticket) {
        let Some(arrival) = self.no_longer_arrives(core, key) else {
            return;
        };
        let waited = (core.now() - arrival.since).as_nanos() as u64;
        self.stats.queue_time.record(waited);
        self.stop_watching(core, key);
        self.arrived(core, key, ticket);
        self.follow_course(core, key);
    }

    fn arrived(&mut self, core: &Rc<Core>, key: ConnectionKey, ticket: Ticket) {
        self.hold_for(key, ticket);
        if let Some(connection) = self.table.get(key) {
            // It is idle from now on, not from its accept.
            connection.idle_since = core.now();
        }
        self.begin_to_listen(core, key);
        self.set_deadline(core, key);
    }

    /// A connection holds this slot until it closes or moves, if it is one that somebody counts.
    pub(super) fn hold_for(&mut self, key: ConnectionKey, ticket: Ticket) {
        if !ticket.is_free() {
            self.connection_slots.insert(key, ticket);
        }
    }

    /// The slot of a connection that closes or moves.
    #[inline]
    pub(super) fn take_slot(&mut self, key: ConnectionKey) -> Option<Ticket> {
        match self.connection_slots.is_empty() {
            true => None,
            false => self.connection_slots.remove(&key),
        }
    }

    /// The wait of a connection is over in one way or another. The time limit of its client begins now: while it waited it
    /// could do nothing, and the timer of a limit that passed meanwhile has fired for nothing.
    pub(super) fn no_longer_arrives(&mut self, core: &Core, key: ConnectionKey) -> Option<Arrival> {
        let arrival = self.arrivals.remove(&key)?;
        if let Some(timer) = arrival.timer {
            core.cancel_timer(timer);
        }
        if let Some(connection) = self.table.get(key) {
            connection.deadline_of = None;
            connection.moving_to = None;
            // It is idle from now on, not from its accept.
            connection.idle_since = core.now();
        }
        Some(arrival)
    }

    /// A connection ends while it waits.
    pub(super) fn leave_arrivals(&mut self, core: &Core, key: ConnectionKey) {
        if let Some(arrival) = self.no_longer_arrives(core, key) {
            self.door.leave(arrival.place);
        }
    }

    /// Refuses a connection with a short 503 before a word of the client's was read (row H10,
    /// docs/seeds.md).
    pub(super) fn refuse_arrival(&mut self, core: &Rc<Core>, key: ConnectionKey, reason: Reason) {
        self.stop_watching(core, key);
        self.count_refusal(core, key, reason);
        self.on(core, key, Event::TurnedAway);
        if self.is_shaking_hands(key) || self.awaits_header(key) {
            // The answer waits for the end of the handshake, or for the header of a proxy.
            self.begin_to_listen(core, key);
        }
        self.settle(core, key);
    }
}
