//! A core's way to the gate, and the slots that its requests hold.
//!
//! One door a core, on the core's thread: tickets share it without counting across threads. Called
//! by `crate::connection`. The gate decides; the door holds only what a core knows.

use super::gate::{Gate, Left, OFFER_PATIENCE, OfferId, Said};
use super::ledger::Reason;
use super::queue::{Place, Waiter};
use super::rates::Rates;
use super::word::Found;
use crate::connection::Candidate;
use ringgate_runtime::{Moment, try_current};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// The gate's word to a newcomer.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Run now.
    Run(Ticket),
    /// Wait for a verdict.
    Wait(Place),
    /// Refused.
    Refused(Reason),
}

/// The outcome of an offer that was heard.
#[derive(Debug)]
pub(crate) enum TakenUp {
    /// Run now.
    Run(Ticket),
    /// The offer came too late; another will come.
    Wait,
    /// Refused meanwhile.
    Refused(Reason),
    /// Nobody waits there any more; if it was refused, the word is on its way.
    Gone,
}

/// A slot at the gate. Dropping the ticket gives the slot back, however the request ends (row H9,
/// docs/seeds.md).
#[must_use]
#[derive(Default)]
pub(crate) struct Ticket(Option<Rc<Door>>);

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.is_free() {
            true => "a slot without a limit",
            false => "a slot",
        })
    }
}

impl Drop for Ticket {
    #[inline(always)]
    fn drop(&mut self) {
        // The way of one that nobody counts is to be a look and nothing else.
        if let Some(door) = self.0.take() {
            give_back(door);
        }
    }
}

#[inline(never)]
fn give_back(door: Rc<Door>) {
    door.give_back();
}

impl Ticket {
    /// Whether nobody counts it.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.0.is_none()
    }

    /// The slot, to travel to another core.
    pub(crate) fn into_credit(mut self) -> Option<Credit> {
        let door = self.0.take()?;
        Some(Credit(Some(door.gate.clone())))
    }

    /// For requests that do not pass the gate.
    #[inline]
    pub(crate) const fn free() -> Ticket {
        Ticket(None)
    }
}

/// A slot between two cores, until dropped or adopted.
pub(crate) struct Credit(Option<Arc<Gate>>);

impl Drop for Credit {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take()
            && !gate.word.give()
        {
            gate.give_back(None, now());
        }
    }
}

/// A request counted for its client's address, until dropped.
pub(crate) struct AddressPlace {
    door: Rc<Door>,
    address: IpAddr,
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        if let Some(addresses) = &self.door.gate.addresses {
            addresses.leave(self.address);
        }
    }
}

/// The way of one core to the gate, with the slots that its requests hold.
pub(crate) struct Door {
    gate: Arc<Gate>,
    core: u32,
    /// Somebody here went through the lock: something may be on offer that has to be watched.
    asked: Cell<bool>,
    watching: Cell<bool>,
}

impl Door {
    pub(crate) fn new(gate: Arc<Gate>, core: u32) -> Rc<Door> {
        Rc::new(Door {
            gate,
            core,
            asked: Cell::new(false),
            watching: Cell::new(false),
        })
    }

    /// A request arrives at the gate: the way through if a slot is free and nobody waits.
    #[inline(always)]
    pub(crate) fn enter_at_once(self: &Rc<Self>) -> Option<Ticket> {
        match self.gate.word.take() {
            Found::Open => Some(Ticket::free()),
            Found::Slot => Some(self.ticket()),
            Found::Ask => None,
        }
    }

    /// A request arrives at the gate; `class` is asked for only if it does not find a slot at once.
    pub(crate) fn enter(self: &Rc<Self>, who: Candidate, class: impl FnOnce() -> u8) -> Entry {
        match self.enter_at_once() {
            Some(ticket) => Entry::Run(ticket),
            None => self.ask(who, class()),
        }
    }

    #[cold]
    fn ask(self: &Rc<Self>, who: Candidate, class: u8) -> Entry {
        self.asked.set(true);
        let said = self.gate.enter(self.core, who, class, now());
        self.entered(said)
    }

    fn entered(self: &Rc<Self>, said: Said) -> Entry {
        match said {
            Said::Run => Entry::Run(self.ticket()),
            Said::Refused(reason) => Entry::Refused(reason),
            Said::Wait(place) => Entry::Wait(place),
            // It is in the queue unless it was granted or refused.
            Said::Gone => Entry::Refused(Reason::Full),
        }
    }

    /// Somebody arrives who has waited on another core since `since`, and left this place in the queue there.
    pub(crate) fn enter_again(
        self: &Rc<Self>,
        who: Candidate,
        place: Place,
        since: Moment,
    ) -> Entry {
        self.asked.set(true);
        let core = self.core;
        let waiter = Waiter { core, who, since };
        let said = self.gate.enter_again(place, waiter, now());
        self.entered(said)
    }

    #[inline]
    fn ticket(self: &Rc<Self>) -> Ticket {
        Ticket(Some(self.clone()))
    }

    #[inline(always)]
    fn give_back(&self) {
        if !self.gate.word.give() {
            self.hand_back();
        }
    }

    #[cold]
    fn hand_back(&self) {
        self.asked.set(true);
        self.gate.give_back(Some(self.core), now());
    }

    /// The core heard of an offer.
    pub(crate) fn take_up(self: &Rc<Self>, offer: OfferId, place: Place) -> TakenUp {
        self.asked.set(true);
        match self.gate.take_up(self.core, offer, place, now()) {
            Said::Run => TakenUp::Run(self.ticket()),
            Said::Wait(_) => TakenUp::Wait,
            Said::Refused(reason) => TakenUp::Refused(reason),
            Said::Gone => TakenUp::Gone,
        }
    }

    /// Takes a request that waits out of the queue: its client is gone.
    pub(crate) fn leave(&self, place: Place) -> Left {
        self.asked.set(true);
        self.gate.leave(self.core, place, now())
    }

    /// One has waited too long; answers whether it is out of the queue. If not, its verdict is on
    /// its way.
    pub(crate) fn give_up(&self, place: Place) -> bool {
        self.gate.give_up(self.core, place)
    }

    /// Counts a request of this address; None if it has as many in as it may.
    pub(crate) fn enter_address(self: &Rc<Self>, address: IpAddr) -> Option<AddressPlace> {
        let fits = match &self.gate.addresses {
            Some(addresses) => addresses.enter(address),
            None => true,
        };
        fits.then(|| AddressPlace {
            door: self.clone(),
            address,
        })
    }

    /// How often clients ask; None where they may as often as they like.
    pub(crate) fn rates(&self) -> Option<&Rates> {
        self.gate.rates.as_ref()
    }

    /// A slot that came from another core with its connection.
    pub(crate) fn adopt(self: &Rc<Self>, credit: Option<Credit>) -> Ticket {
        match credit {
            None => Ticket::free(),
            Some(mut credit) => {
                credit.0 = None;
                self.ticket()
            }
        }
    }

    /// A slot for a connection that held one in another process, whatever the number of those taken
    /// here: as after a lowered limit, what runs goes on, and nobody else runs until it fits.
    pub(crate) fn retake(self: &Rc<Self>) -> Ticket {
        match self.gate.retake() {
            true => self.ticket(),
            false => Ticket::free(),
        }
    }

    /// Everything that waits here is gone: the thread ends.
    pub(crate) fn close(&self) {
        self.gate.forget(self.core, now());
    }

    /// When the gate is to be swept, if this core caused offers that nobody watches yet. Costs one
    /// look at the core's own memory as long as no request had to go through the lock.
    #[inline]
    pub(crate) fn watch(&self) -> Option<Moment> {
        if !self.asked.get() {
            return None;
        }
        self.asked.set(false);
        if self.watching.get() || !self.gate.offers() {
            return None;
        }
        self.watching.set(true);
        Some(now() + OFFER_PATIENCE)
    }

    /// The moment has come; answers the next.
    pub(crate) fn sweep(&self) -> Option<Moment> {
        let next = self.gate.sweep(Some(self.core), now());
        self.watching.set(next.is_some());
        next
    }
}

/// The core's time; the lock is not worth taking for the sake of a clock.
pub(crate) fn now() -> Moment {
    try_current().map_or_else(Moment::default, |core| core.now())
}
