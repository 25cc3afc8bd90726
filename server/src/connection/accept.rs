//! Step one: connections come in. A listener has one owner at any instant, the core that holds its
//! baton: the owner's multishot accept takes what arrives. Giving a listener up means to cancel its accept and
//! to serve what came until the last completion; only then may another core accept on it.
//!
//! A turn takes in at most `accepts_per_turn` connections (row M9, docs/seeds.md). More wait as
//! descriptors for the next turns ([`Intake`]), and the multishot accept rests meanwhile: what the kernel has
//! accepted is never lost, and connections that are served do not wait for a crowd that comes. A
//! connection is in the ledgers once it is taken in.
//!
//! Called by the engine for completions of accepts, for messages of the coordinator, and before each wait. When
//! accepting rests is decided in `pause.rs`.

use super::engine::{Engine, Report};
use super::key::{ConnectionKey, Subject};
use super::listener::{Fresh, ListenerId, ListenerSeat};
use super::pause::Pauses;
use super::table::Connection;
use crate::config::Admit;
use ringgate_runtime::{Core, Descriptor, Errno, OpId};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::rc::Rc;

/// A listener that this core owns.
struct Owned {
    seat: ListenerSeat,
    accept: Option<OpId>,
    leaving: bool,
}

/// The listeners that this core owns.
#[derive(Default)]
pub(super) struct Listeners {
    owned: Vec<Owned>,
    pub(super) pauses: Pauses,
}

impl Listeners {
    pub(super) fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    fn find(&mut self, id: ListenerId) -> Option<&mut Owned> {
        self.owned.iter_mut().find(|owned| owned.seat.id == id)
    }

    /// The seat of a listener.
    pub(super) fn seat(&self, id: ListenerId) -> Option<&ListenerSeat> {
        let owned = self.owned.iter().find(|owned| owned.seat.id == id)?;
        Some(&owned.seat)
    }

    /// Cancels all accepts in flight. Connections that they have accepted still come.
    pub(super) fn cancel_accepts(&self, core: &Core) {
        for accept in self.owned.iter().filter_map(|owned| owned.accept) {
            core.cancel(accept);
        }
    }
}

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
    pub(super) fn arm(&mut self, core: &Rc<Core>, seat: ListenerSeat) {
        let id = seat.id;
        self.listeners.owned.push(Owned {
            seat,
            accept: None,
            leaving: false,
        });
        self.accept_on(core, id);
    }

    /// The opening of a listener has changed, for the connections that are taken in from here on.
    pub(super) fn reseat(&mut self, seat: ListenerSeat) {
        self.helping.reseat(&seat);
        if let Some(owned) = self.listeners.find(seat.id) {
            owned.seat = seat;
        }
    }

    fn accept_on(&mut self, core: &Core, id: ListenerId) {
        if self.listeners.pauses.is_paused() || !self.intake.is_empty() {
            return;
        }
        if self.headroom.is_full(0) {
            return self.pause_for_room(core);
        }
        if self.has_all_it_may() {
            return;
        }
        let one_by_one = self.is_nearly_full();
        let Some(owned) = self.listeners.find(id) else {
            return;
        };
        debug_assert!(owned.accept.is_none(), "one accept a listener");
        if owned.leaving {
            return;
        }
        let key = Subject::Accept(id.0).to_key();
        owned.accept = Some(match owned.seat.shared || one_by_one {
            true => core.accept_one(&owned.seat.socket, key),
            false => core.accept(&owned.seat.socket, key),
        });
    }

    pub(super) fn disarm(&mut self, core: &Core, id: ListenerId) {
        let Some(owned) = self.listeners.find(id) else {
            return self.post.to_coordinator(Report::Disarmed(self.index, id));
        };
        owned.leaving = true;
        match owned.accept {
            Some(accept) => core.cancel(accept),
            None => self.pass_on(id),
        }
    }

    fn pass_on(&mut self, id: ListenerId) {
        self.listeners.owned.retain(|owned| owned.seat.id != id);
        self.post.to_coordinator(Report::Disarmed(self.index, id));
    }

    #[inline]
    pub(super) fn on_accepted(
        &mut self,
        core: &Rc<Core>,
        id: ListenerId,
        result: Result<Descriptor, Errno>,
        more: bool,
    ) {
        match result {
            Ok(socket) => {
                self.listeners.pauses.succeeded();
                let opening = self.listeners.seat(id).map(|seat| seat.opening);
                let fresh = Fresh {
                    socket,
                    listener: id,
                    opening: opening.unwrap_or_default(),
                };
                self.take_in(core, fresh);
            }
            Err(errno) => self.on_accept_error(core, id, errno),
        }
        let is_full = self.is_full();
        let is_ample = !is_full && !self.is_nearly_full() && self.intake.is_empty();
        let Some(owned) = self.listeners.find(id) else {
            return;
        };
        let (accept, leaving) = (owned.accept, owned.leaving);
        if !more {
            owned.accept = None;
        }
        if is_full {
            // Those of other listeners would bring more than there may be.
            self.listeners.cancel_accepts(core);
        } else if more
            && !is_ample
            && let Some(accept) = accept
        {
            core.cancel(accept);
        }
        match leaving {
            _ if more => {}
            true => self.pass_on(id),
            false => self.accept_on(core, id),
        }
    }

    /// Takes a connection in that was accepted: in this turn, or a later one. Several listeners may have brought one each
    /// for the last place below `max_connections`: those that find none wait, as they would have in the kernel's queue.
    fn take_in(&mut self, core: &Rc<Core>, fresh: Fresh) {
        let most = self.settings.accepts_per_turn;
        let is_first = self.intake.is_empty() && self.has_place();
        if is_first && self.intake.takes(core.turn_number(), most) {
            self.begin_here(core, fresh);
        } else {
            self.intake.waiting.push_back(fresh);
        }
    }

    /// Serves a connection that this core accepted.
    fn begin_here(&mut self, core: &Rc<Core>, fresh: Fresh) {
        let key = self.begin(core, fresh);
        // A core that was stuck leaves with its accept still armed.
        if !self.is_serving() {
            self.follow_course(core, key);
        }
    }

    /// Puts an accepted connection into the table, and its receive under way.
    pub(super) fn begin(&mut self, core: &Rc<Core>, fresh: Fresh) -> ConnectionKey {
        let key = self.seat(Connection::new(fresh, core.now()));
        self.stats.accepted.add(1);
        self.wear();
        self.arrive(core, key);
        key
    }

    /// A connection was accepted: it is read as soon as it may be.
    pub(super) fn arrive(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if self.settings.admit == Admit::Connection {
            return self.arrive_at_gate(core, key);
        }
        self.begin_to_listen(core, key);
        self.set_deadline(core, key);
    }

    /// Counts an accepted connection towards the end of this core (row M7, docs/seeds.md).
    #[inline]
    fn wear(&mut self) {
        let Some(wear) = &mut self.wear else {
            return;
        };
        *wear = wear.saturating_add(1);
        if self.settings.accepts.is_some_and(|most| *wear >= most) {
            self.wear = None;
            self.post.to_coordinator(Report::Worn(self.index));
        }
    }

    /// Takes in the connections that wait, as many as this turn may.
    #[inline]
    pub(super) fn take_in_waiting(&mut self, core: &Rc<Core>) {
        if !self.intake.is_empty() {
            self.take_in_crowd(core);
        }
    }

    /// Whether one waits that could be taken in now.
    pub(super) fn may_take_in_waiting(&self) -> bool {
        !self.intake.is_empty() && (self.has_place() || !self.is_serving())
    }

    #[inline(never)]
    fn take_in_crowd(&mut self, core: &Rc<Core>) {
        let most = match self.is_serving() {
            true => self.settings.accepts_per_turn,
            // Nothing is to be left behind by a core that ends.
            false => None,
        };
        while self.may_take_in_waiting() && self.intake.takes(core.turn_number(), most) {
            if let Some(fresh) = self.intake.waiting.pop_front() {
                self.begin_here(core, fresh);
            }
        }
        if self.intake.is_empty() {
            self.accept_where_idle(core);
        }
    }

    /// Returns the connections that were accepted and not taken in, when this core is over: others can serve them.
    pub(crate) fn leave_untaken(&mut self) -> Vec<Fresh> {
        self.intake.waiting.drain(..).collect()
    }

    /// Serves a connection that another thread accepted.
    pub(super) fn adopt(&mut self, core: &Rc<Core>, fresh: Fresh) {
        let key = self.begin(core, fresh);
        self.follow_course(core, key);
    }

    /// Arms every listener that has no accept in flight, after a pause or below
    /// `max_connections` again.
    pub(super) fn accept_where_idle(&mut self, core: &Rc<Core>) {
        let idle = self
            .listeners
            .owned
            .iter()
            .filter(|owned| owned.accept.is_none());
        let idle: Vec<ListenerId> = idle.map(|owned| owned.seat.id).collect();
        for id in idle {
            self.accept_on(core, id);
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
