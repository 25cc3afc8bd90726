//! Between admit and handle: a request that waits at the gate, what the gate says of it, and how one
//! that is refused is told so.
//!
//! A request that waits is plain data in the core's exchanges. Its end is a verdict of the gate, the
//! queue timeout, or that its client goes away (`watch.rs`).

use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::table::Waiting;
use crate::admission::door::TakenUp;
use crate::admission::gate::{OfferId, Verdict};
use crate::admission::ledger::Reason;
use crate::admission::queue::Place;
use crate::handler::{PlacedParts, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};
use ringgate_runtime::Core;
use std::rc::Rc;

/// Seconds after which a refused client may try again.
pub(super) const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
/// Says why the gate refused.
pub(super) const REASON_FIELD: HeaderName = HeaderName::from_static("x-ringgate-reason");
/// The whole body of a refusal.
pub(super) const BUSY: &str = "503 Service Unavailable: the server is busy; try again soon\n";

impl Engine {
    /// The gate has no slot for a request yet.
    #[cold]
    pub(super) fn wait(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        place: Place,
        route: u32,
        parts: PlacedParts,
    ) {
        self.stats.running.fall();
        self.stats.pending.rise();
        let timeout = self.settings.queue_timeout;
        let timer = (!timeout.is_zero()).then(|| {
            let deadline = core.now() + timeout;
            core.set_timer(deadline, Subject::QueueTimeout(key).to_key())
        });
        let waiting = Box::new(Waiting {
            place,
            timer,
            route,
            parts,
            since: core.now(),
        });
        if let Some(exchange) = self.exchange_of(key) {
            exchange.waiting = Some(waiting);
        }
    }

    /// The place at the gate of a connection or its request, if either waits there.
    pub(super) fn place_of(&mut self, key: ConnectionKey) -> Option<Place> {
        match self.exchange_of(key) {
            Some(exchange) => exchange.waiting.as_ref().map(|waiting| waiting.place),
            None => self.arrivals.get(&key).map(|arrival| arrival.place),
        }
    }

    /// The gate's word on a request that waited.
    pub(super) fn on_verdict(&mut self, core: &Rc<Core>, verdict: Verdict) {
        match verdict {
            Verdict::Granted(key, place, offer) => self.on_granted(core, key, place, offer),
            Verdict::Refused(key, reason) => self.on_refused(core, key, reason),
        }
    }

    fn on_granted(&mut self, core: &Rc<Core>, key: ConnectionKey, place: Place, offer: OfferId) {
        if self.place_of(key) != Some(place) {
            // It is gone; the next one gets the slot, if it has not got it yet.
            self.door.leave(place);
            return;
        }
        match self.door.take_up(offer, place) {
            TakenUp::Run(ticket) if self.arrivals.contains_key(&key) => {
                self.let_in(core, key, ticket);
            }
            TakenUp::Run(ticket) => {
                let Some(waiting) = self.no_longer_waits(core, key) else {
                    return;
                };
                let waited = (core.now() - waiting.since).as_nanos() as u64;
                self.stats.queue_time.record(waited);
                let ticket = self.held_by(key, ticket);
                self.run(core, key, waiting.route, waiting.parts, ticket);
                self.settle(core, key);
            }
            TakenUp::Refused(reason) => self.on_refused(core, key, reason),
            TakenUp::Wait | TakenUp::Gone => {}
        }
    }

    fn on_refused(&mut self, core: &Rc<Core>, key: ConnectionKey, reason: Reason) {
        if self.no_longer_arrives(core, key).is_some() {
            self.refuse_arrival(core, key, reason);
        } else if self.no_longer_waits(core, key).is_some() {
            self.reject(core, key, reason);
            self.settle(core, key);
        }
    }

    /// The wait of a request is over in one way or another; from here on it counts as running.
    fn no_longer_waits(&mut self, core: &Core, key: ConnectionKey) -> Option<Box<Waiting>> {
        let waiting = self.exchange_of(key)?.waiting.take()?;
        self.stats.pending.fall();
        self.stats.running.rise();
        if let Some(timer) = waiting.timer {
            core.cancel_timer(timer);
        }
        Some(waiting)
    }

    /// Its connection gives up on a request that waits.
    pub(super) fn stop_waiting(&mut self, core: &Core, waiting: &Waiting) {
        self.door.leave(waiting.place);
        self.stats.pending.fall();
        self.stats.running.rise();
        if let Some(timer) = waiting.timer {
            core.cancel_timer(timer);
        }
    }

    /// A request has waited as long as one may. If its verdict is on the way already, that counts.
    pub(super) fn on_queue_timeout(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(place) = self.place_of(key) else {
            return;
        };
        if self.door.give_up(place) {
            self.on_refused(core, key, Reason::QueueTimeout);
        }
    }

    /// A handler gives its slot back and goes on without one. Void if its request has ended by now.
    pub(super) fn detach(&mut self, key: ConnectionKey, request: u32) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.served != request {
            return;
        }
        self.give_slot_back(key);
    }

    /// The request goes on without a slot; bounded is it by `max_connections` alone from here.
    pub(super) fn give_slot_back(&mut self, key: ConnectionKey) {
        let Some(exchange) = self.exchange_of(key) else {
            return;
        };
        if let Some(ticket) = exchange.ticket.take().filter(|ticket| !ticket.is_free()) {
            exchange.detached = true;
            self.stats.detached.rise();
            drop(ticket);
        }
    }

    /// Slots that this core's requests gave on and nobody took up are passed on.
    pub(super) fn sweep_gate(&mut self, core: &Core) {
        if let Some(at) = self.door.sweep() {
            core.set_timer(at, Subject::GateSweep.to_key());
        }
    }

    /// A connection is being refused.
    pub(super) fn count_refusal(&mut self, core: &Rc<Core>, key: ConnectionKey, reason: Reason) {
        if let Some(connection) = self.table.get(key)
            && connection.rejected.replace(reason).is_none()
        {
            self.rejecting += 1;
            self.pause_if_full(core);
        }
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            reason.name(),
            "a request was refused by the gate"
        );
    }

    /// Row H10: a short 503 that the client gets whole.
    #[cold]
    pub(super) fn reject(&mut self, core: &Rc<Core>, key: ConnectionKey, reason: Reason) {
        self.count_refusal(core, key, reason);
        let mut response = Response::new(StatusCode::SERVICE_UNAVAILABLE)
            .with_content_type("text/plain; charset=utf-8")
            .with_body(BUSY)
            .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
            .closing();
        if self.settings.reason_header {
            response = response.with_header(REASON_FIELD, HeaderValue::from_static(reason.name()));
        }
        self.on_answer(core, key, Ok(response));
    }
}
