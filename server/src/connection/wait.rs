//! Between admit and handle: a request that waits at the gate, what the gate says of it, and how one
//! that is refused is told so.
//!
//! A request that waits is plain data in the core's exchanges. The wait ends with a verdict of the
//! gate, the queue timeout, or the loss of the client (`watch.rs`).

use super::engine::Engine;
use super::exchanges::Waiting;
use super::key::{Candidate, ConnectionKey, ExchangeKey, Subject};
use crate::admission::door::{TakenUp, Ticket};
use crate::admission::gate::{OfferId, Verdict};
use crate::admission::ledger::Reason;
use crate::admission::queue::Place;
use crate::handler::{PlacedParts, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// Seconds after which a client may try again that is refused for want of a slot; and the same as the value of a field.
pub(super) const RETRY_SECONDS: u32 = 1;
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
/// Says why the gate refused.
const REASON_FIELD: HeaderName = HeaderName::from_static("x-ringgate-reason");
/// The whole body of a refusal.
const BUSY: &str = "503 Service Unavailable: the server is busy; try again soon\n";
/// The same of one whose client asks too often.
const TOO_SOON: &str = "429 Too Many Requests: this client asks too often; try again later\n";

impl Engine {
    /// The gate has no slot for a request yet.
    #[cold]
    pub(super) fn wait(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        place: Place,
        route: u32,
        parts: PlacedParts,
    ) {
        self.stats.running.fall();
        self.stats.pending.rise();
        let since = core.now();
        let waiting = Box::new(Waiting {
            place,
            timer: self.limit_wait(core, Candidate::Request(request), since),
            route,
            parts,
            since,
        });
        if let Some(exchange) = self.exchanges.get(request) {
            exchange.waiting = Some(waiting);
        }
    }

    /// Sets when somebody stops waiting at the gate; None: never.
    pub(super) fn limit_wait(&self, core: &Core, who: Candidate, since: Moment) -> Option<TimerId> {
        let timeout = self.settings.queue_timeout;
        let subject = Subject::QueueTimeout(who);
        (!timeout.is_zero()).then(|| core.set_timer(since + timeout, subject.to_key()))
    }

    /// Another `queue_timeout` is in force, for those that wait already as well.
    pub(super) fn limit_waits_anew(&mut self, core: &Core) {
        let connections = self.arrivals.keys().copied().map(Candidate::Connection);
        let requests = self.exchanges.waiting().map(Candidate::Request);
        let mut who: Vec<Candidate> = connections.chain(requests).collect();
        // The map has another order each time, and runs of one seed are to be the same.
        who.sort_by_key(|who| {
            let since = self.wait_of(*who).map(|(since, _)| since);
            (since, Subject::QueueTimeout(*who).to_key())
        });
        for who in who {
            let Some((since, timer)) = self.wait_of(who) else {
                continue;
            };
            if let Some(before) = timer.take() {
                core.cancel_timer(before);
            }
            let limit = self.limit_wait(core, who, since);
            if let Some((_, timer)) = self.wait_of(who) {
                *timer = limit;
            }
        }
    }

    /// The beginning of a wait, and the timer of its end.
    fn wait_of(&mut self, who: Candidate) -> Option<(Moment, &mut Option<TimerId>)> {
        match who {
            Candidate::Request(request) => {
                let waiting = self.exchanges.get(request)?.waiting.as_mut()?;
                Some((waiting.since, &mut waiting.timer))
            }
            Candidate::Connection(key) => {
                let arrival = self.arrivals.get_mut(&key)?;
                Some((arrival.since, &mut arrival.timer))
            }
        }
    }

    /// The place of somebody at the gate, if it still waits there.
    fn place_of(&mut self, who: Candidate) -> Option<Place> {
        match who {
            Candidate::Request(request) => {
                let waiting = self.exchanges.get(request)?.waiting.as_ref()?;
                Some(waiting.place)
            }
            Candidate::Connection(key) => Some(self.arrivals.get(&key)?.place),
        }
    }

    /// The gate's word on somebody who waited.
    pub(super) fn on_verdict(&mut self, core: &Rc<Core>, verdict: Verdict) {
        match verdict {
            Verdict::Granted(who, place, offer) => self.on_granted(core, who, place, offer),
            Verdict::Refused(who, reason) => self.on_refused(core, who, reason),
        }
    }

    fn on_granted(&mut self, core: &Rc<Core>, who: Candidate, place: Place, offer: OfferId) {
        if self.place_of(who) != Some(place) {
            // Nobody waits there any more; the next one gets the slot, if it has not got it yet.
            self.door.leave(place);
            return;
        }
        match (self.door.take_up(offer, place), who) {
            (TakenUp::Run(ticket), Candidate::Connection(key)) => self.let_in(core, key, ticket),
            (TakenUp::Run(ticket), Candidate::Request(request)) => {
                self.run_waiting(core, request, ticket);
            }
            (TakenUp::Refused(reason), _) => self.on_refused(core, who, reason),
            (TakenUp::Wait | TakenUp::Gone, _) => {}
        }
    }

    fn run_waiting(&mut self, core: &Rc<Core>, request: ExchangeKey, ticket: Ticket) {
        let Some((of, waiting)) = self.no_longer_waits(core, request) else {
            return;
        };
        let waited = (core.now() - waiting.since).as_nanos() as u64;
        self.stats.queue_time.record(waited);
        let exchange = self.exchanges.get(request);
        if let Some(noted) = exchange.and_then(|exchange| exchange.noted.as_mut()) {
            noted.queue = core.now() - waiting.since;
        }
        let ticket = self.held_by(of, ticket);
        self.run(core, request, waiting.route, waiting.parts, ticket);
        self.settle(core, of);
    }

    fn on_refused(&mut self, core: &Rc<Core>, who: Candidate, reason: Reason) {
        match who {
            Candidate::Connection(key) => {
                if self.no_longer_arrives(core, key).is_some() {
                    self.refuse_arrival(core, key, reason);
                }
            }
            Candidate::Request(request) => {
                if let Some((of, waiting)) = self.no_longer_waits(core, request) {
                    let exchange = self.exchanges.get(request);
                    if let Some(noted) = exchange.and_then(|exchange| exchange.noted.as_mut()) {
                        noted.queue = core.now() - waiting.since;
                    }
                    self.reject(core, request, waiting.parts, reason, RETRY_SECONDS);
                    self.settle(core, of);
                }
            }
        }
    }

    /// The wait of a request is over in one way or another; from here on it counts as running.
    fn no_longer_waits(
        &mut self,
        core: &Core,
        request: ExchangeKey,
    ) -> Option<(ConnectionKey, Box<Waiting>)> {
        let exchange = self.exchanges.get(request)?;
        let (of, waiting) = (exchange.of, exchange.waiting.take()?);
        self.stats.pending.fall();
        self.stats.running.rise();
        if let Some(timer) = waiting.timer {
            core.cancel_timer(timer);
        }
        Some((of, waiting))
    }

    /// Ends the wait of a request whose connection gives up on it.
    pub(super) fn stop_waiting(&mut self, core: &Core, waiting: &Waiting) {
        self.door.leave(waiting.place);
        self.stats.pending.fall();
        self.stats.running.rise();
        if let Some(timer) = waiting.timer {
            core.cancel_timer(timer);
        }
    }

    /// Somebody has waited as long as one may. If its verdict is on the way already, that counts.
    pub(super) fn on_queue_timeout(&mut self, core: &Rc<Core>, who: Candidate) {
        let Some(place) = self.place_of(who) else {
            return;
        };
        if self.door.give_up(place) {
            self.on_refused(core, who, Reason::QueueTimeout);
        }
    }

    /// The request goes on without a slot; from here on only `max_connections` bounds it. Nothing
    /// happens if it has ended by now.
    pub(super) fn give_slot_back(&mut self, request: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        if !exchange.ticket.is_free() {
            exchange.ticket = Ticket::free();
            exchange.detached = true;
            self.stats.detached.rise();
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
        self.log_refusal(core, reason);
    }

    /// Says in the log that somebody was refused.
    pub(super) fn log_refusal(&mut self, core: &Core, reason: Reason) {
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            reason.name(),
            "a request was refused by the gate"
        );
    }

    /// Refuses a request with a short answer that the client gets whole (row H10, docs/seeds.md), and which says in
    /// how many seconds it may try again. A connection of HTTP/1.1 ends after a refusal for want of a slot, to be
    /// made anew elsewhere; one of a client that asks too often stays, since another would cost more than it.
    #[cold]
    pub(super) fn reject(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        parts: PlacedParts,
        reason: Reason,
        seconds: u32,
    ) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let of = exchange.of;
        let goes_on = exchange.on.is_some() || reason == Reason::Rate;
        if goes_on {
            exchange.rejected = Some(reason);
            self.log_refusal(core, reason);
        } else {
            self.count_refusal(core, of, reason);
        }
        let named = self.settings.reason_header;
        let make = || match reason {
            Reason::Rate => too_soon(seconds, named),
            _ => turned_away(reason, named),
        };
        let response = match self.app.sees_refusals() {
            true => self.app.refuse(core, parts, &make),
            false => {
                // With the request its body is let go of: its client is not asked for what nobody reads.
                drop(parts);
                make()
            }
        };
        let response = match reason {
            Reason::Rate => response,
            _ => response.closing(),
        };
        self.on_answer(core, request, Ok(response));
    }
}

/// The 429 of a client that asks too often.
fn too_soon(seconds: u32, named: bool) -> Response {
    let response = Response::new(StatusCode::TOO_MANY_REQUESTS)
        .with_content_type("text/plain; charset=utf-8")
        .with_body(TOO_SOON)
        .with_header(RETRY_AFTER, HeaderValue::from(seconds));
    with_reason(response, Reason::Rate, named)
}

fn with_reason(response: Response, reason: Reason, named: bool) -> Response {
    match named {
        true => response.with_header(REASON_FIELD, HeaderValue::from_static(reason.name())),
        false => response,
    }
}

/// The 503 of the gate.
pub(super) fn turned_away(reason: Reason, named: bool) -> Response {
    let response = Response::new(StatusCode::SERVICE_UNAVAILABLE)
        .with_content_type("text/plain; charset=utf-8")
        .with_body(BUSY)
        .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
        .closing();
    with_reason(response, reason, named)
}
