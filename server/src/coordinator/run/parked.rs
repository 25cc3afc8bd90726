//! Connections for which there is no core: they wait here, with the bytes that nobody has read, their
//! state and what is left of their deadlines, until one runs. In the ledgers they are in transit.
//! Also mail for cores that have no thread, or do not read theirs: no connection is lost in it.

use super::{Coordinator, Phase, ending};
use crate::admission::ledger::{Connections, CoreStats, Ledgers, Requests};
use crate::connection::Message;
use crate::coordinator::event::Event;
use crate::coordinator::plan::CoreState;
use crate::coordinator::status;
use crate::coordinator::upgrade::hand_over::Luggage;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// The connections, in the order in which they came, and what became of those that were closed here.
#[derive(Default)]
pub(super) struct Parked {
    waiting: Vec<(Moment, Luggage)>,
    /// Which heir is the next.
    turn: usize,
    stats: CoreStats,
}

impl Parked {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Coordinator {
    /// Gives a connection to the next core in turn, or keeps it until there is one.
    pub(super) fn deliver(&mut self, now: Moment, luggage: Luggage) {
        if self.succession.takes_connections() {
            return self.hand_on(now, luggage);
        }
        self.deliver_here(now, luggage);
    }

    /// The same, whoever else might take it.
    pub(super) fn deliver_here(&mut self, now: Moment, luggage: Luggage) {
        let heirs = self.pool.heirs();
        if heirs.is_empty() {
            self.parked.waiting.push((now, luggage));
        } else {
            self.give(&heirs, luggage.into());
        }
    }

    /// A newer process serves: what waits here goes there.
    pub(super) fn hand_on_parked(&mut self, now: Moment) {
        for (since, mut luggage) in std::mem::take(&mut self.parked.waiting) {
            luggage.has_waited(now, since);
            self.hand_on(now, luggage);
        }
    }

    fn give(&mut self, heirs: &[u32], message: Message) {
        self.parked.turn = (self.parked.turn + 1) % heirs.len();
        self.post.to_core(heirs[self.parked.turn], message);
    }

    /// Gives what waits to the cores, if there are any again.
    pub(super) fn unpark(&mut self, now: Moment) {
        if self.parked.waiting.is_empty() {
            return;
        }
        let heirs = self.pool.heirs();
        if heirs.is_empty() {
            return;
        }
        for (since, mut luggage) in std::mem::take(&mut self.parked.waiting) {
            luggage.has_waited(now, since);
            self.give(&heirs, luggage.into());
        }
    }

    /// Empties the mailbox of a core that does not read it: connections go elsewhere. Other words are
    /// void if there is no thread, and wait if it is stuck.
    pub(super) fn forward(&mut self, now: Moment, index: u32) {
        let state = self.pool.cores[index as usize];
        let stuck = self.pool.is_stuck(index);
        if state.has_thread() && !stuck {
            return;
        }
        let mut kept = Vec::new();
        while let Some(message) = self.post.next_message(index) {
            match Luggage::try_from(message) {
                Ok(luggage) => self.deliver(now, luggage),
                Err(word) if state.has_thread() => kept.push(word),
                Err(_void) => {}
            }
        }
        for word in kept {
            self.post.put_back(index, word);
        }
    }

    /// The end: no core will come any more. Connections that lie anywhere are closed and counted, also those of events
    /// that were told just now and heard by nobody.
    pub(super) fn close_parked(&mut self, unheard: Vec<Event>) {
        for index in 0..self.slots.len() as u32 {
            while let Some(message) = self.post.next_message(index) {
                if let Ok(luggage) = Luggage::try_from(message) {
                    self.parked.waiting.push((Moment::NEVER, luggage));
                }
            }
        }
        for event in unheard {
            let luggage = match event {
                Event::Parked(parcel) | Event::HandOver(parcel) => vec![Luggage::Parcel(parcel)],
                Event::CoreEnded(end) => end.accepted.into_iter().map(Luggage::Fresh).collect(),
                // Who asks is answered by the dropped reply.
                Event::Command(_) => Vec::new(),
                Event::CoreUp(_) | Event::CoreFailed(..) | Event::Undelivered(_) => Vec::new(),
                Event::Disarmed(..) | Event::Published(..) | Event::Worn(_) => Vec::new(),
                Event::Rested(_) | Event::Tick | Event::Signal(_) => Vec::new(),
                Event::DrainGraceOver | Event::GraceOver => Vec::new(),
            };
            let luggage = luggage.into_iter().map(|one| (Moment::NEVER, one));
            self.parked.waiting.extend(luggage);
        }
        self.refuse_parked();
    }

    /// Closes what waits for a core by now.
    pub(super) fn refuse_parked(&mut self) {
        let stats = &self.parked.stats;
        for (_, luggage) in self.parked.waiting.drain(..) {
            match luggage {
                Luggage::Parcel(_) => stats.handed_in.add(1),
                Luggage::Fresh(_) => stats.accepted.add(1),
            }
            stats.aborted.add(1);
        }
    }

    /// The ledgers of the coordinator: what was closed here, and what came from other processes and
    /// went to them.
    pub(super) fn own_ledgers(&self) -> Ledgers {
        let mut ledgers = self.parked.stats.ledgers();
        ledgers.connections.inherited = self.inheritance.inherited();
        ledgers.connections.passed_on = self.succession.passed_on();
        ledgers
    }

    /// Both ledgers at the end. Connections of a stuck core die with the process, and so does what it may still send
    /// on: nobody hears of that.
    pub(super) fn final_totals(&mut self, core: &Rc<Core>) -> (Connections, Requests) {
        let cores = self.slots.iter().map(|slot| slot.stats.ledgers());
        let (mut connections, mut requests) = status::totals(cores.chain([self.own_ledgers()]));
        let has_thread = |state: &CoreState| state.has_thread();
        if self.pool.cores.iter().any(has_thread) {
            let cut = connections.open + connections.in_transit();
            self.end_by(core, ending::Event::CutOff { core: None, cut });
            connections.handed_in += connections.in_transit();
            connections.aborted += cut;
            connections.open = 0;
            requests.aborted += requests.running + requests.pending;
            requests.running = 0;
            requests.pending = 0;
        }
        (connections, requests)
    }

    /// Whether connections wait here in a drain, and no core is there for them, starts, or is to be tried again.
    pub(super) fn lacks_a_core(&self) -> bool {
        let comes = |state: &CoreState| matches!(state, CoreState::Starting | CoreState::Resting);
        self.phase() == Phase::Draining
            && self.parked.len() > 0
            && !(self.pool.cores.iter()).any(|state| state.serves() || comes(state))
    }

    /// Whether a drain has connections for which there is no core: they need one.
    pub(super) fn needs_a_core(&self) -> bool {
        let none = |state: &CoreState| !state.serves() && *state != CoreState::Starting;
        let leaving = |state: &CoreState| matches!(state, CoreState::Retiring | CoreState::Leaving);
        let cores = &self.pool.cores;
        self.phase() == Phase::Draining
            && cores.iter().all(none)
            && (self.parked.len() > 0 || cores.iter().any(leaving) || self.queued() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;
    use super::*;
    use crate::config::Opening;
    use crate::connection::{Fresh, ListenerId, Parcel};
    use crate::coordinator::event::CoreEnd;
    use std::fs::File;
    use std::os::fd::OwnedFd;

    fn fresh() -> Fresh {
        Fresh {
            socket: OwnedFd::from(File::open("/dev/null").expect("a file")).into(),
            listener: ListenerId(0),
            opening: Opening::default(),
        }
    }

    fn parcel() -> Box<Parcel> {
        Box::new(Parcel::unpack(fresh(), &[0; 22]).expect("a connection"))
    }

    /// A core that has accepted so many connections, and sent them on.
    fn sends_on(coordinator: &Coordinator, count: u64) {
        let stats = &coordinator.slots[0].stats;
        stats.accepted.add(count);
        stats.handed_out.add(count);
    }

    #[test]
    fn a_word_for_a_core_that_is_over_and_still_drops_its_state_is_looked_at_once() {
        let (core, mut coordinator) = alone(None);
        for state in [CoreState::Running, CoreState::Quarantined] {
            coordinator.pool.cores[0] = state;
            coordinator.pool.stuck[0] = true;
            // Its bell is gone already.
            coordinator.post.to_core(0, Message::Drain);
            let told = coordinator.post.next_event();
            assert!(matches!(told, Some(Event::Undelivered(0))));
            coordinator.forward(core.now(), 0);
            assert!(coordinator.post.next_event().is_none(), "{state:?}");
            let word = coordinator.post.next_message(0);
            assert!(matches!(word, Some(Message::Drain)), "it is not lost");
        }
    }

    #[test]
    fn connections_that_a_core_sends_on_while_the_coordinator_ends_are_aborted() {
        let (core, coordinator) = alone(None);
        sends_on(&coordinator, 2);
        coordinator.post.tell(Event::Parked(parcel()));
        coordinator.post.tell(Event::HandOver(parcel()));
        coordinator.post.tell(Event::CoreEnded(CoreEnd {
            core: 0,
            bad: None,
            cut: 0,
            accepted: vec![fresh()],
        }));
        let connections = coordinator.finish(&core).connections;
        assert_eq!((connections.accepted, connections.aborted), (3, 3));
        assert_eq!(connections.in_transit(), 0);
        assert!(connections.balances());
    }

    #[test]
    fn what_a_core_that_is_left_behind_sends_on_is_aborted_with_what_it_has() {
        let (core, mut coordinator) = alone(None);
        coordinator.pool.cores[0] = CoreState::Quarantined;
        sends_on(&coordinator, 1);
        let (connections, _) = coordinator.final_totals(&core);
        assert_eq!((connections.accepted, connections.aborted), (1, 1));
        assert_eq!(connections.in_transit(), 0);
        assert!(connections.balances());
    }
}
