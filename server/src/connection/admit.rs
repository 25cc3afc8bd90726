//! Steps three and four: a complete head that did not go straight ([`super::straight`]) becomes an exchange, which
//! stands at the gate. The gate says run, wait or refuse; to run is to call the handler, and a handler that
//! waits is a future on this core until it answers, or until its connection gives up on it.
//!
//! Called by [`super::straight`], by [`super::step`], and by `wait.rs`, which keeps the requests that wait
//! and tells those that are refused.

use super::engine::Engine;
use super::exchanges::{Asked, Exchange, Terms, Upload};
use super::key::{Candidate, ConnectionKey, ExchangeKey};
use super::rate::Pace;
use super::wait::RETRY_SECONDS;
use crate::admission::door::{Entry, Ticket};
use crate::admission::ledger::Reason;
use crate::admission::queue::{HIGH, LOW, NORMAL};
use crate::config::{Admit, Class, Matcher, PriorityRule};
use crate::handler::{BodyCell, Called, PlacedParts, ReplyTo, RequestBody, Response, Routed};
use crate::http1::body::BodyDecoder;
use crate::http1::exchange::Event;
use crate::http1::fields::BodyFraming;
use crate::http1::refusal::Refusal;
use crate::observe::metrics::NO_ROUTE;
use ringgate_runtime::task::TaskId;
use ringgate_runtime::{Core, Priority};
use std::rc::Rc;

impl Engine {
    /// A head is complete and its route is known, and it is not one that goes straight: its request is
    /// kept in an exchange, and goes to the gate.
    pub(super) fn on_head(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        mut parts: PlacedParts,
        routed: Routed,
    ) {
        let terms = Terms::of(&parts.head, core.now());
        let request = self.exchanges.name_next();
        let mut upload = None;
        if parts.head.framing != BodyFraming::None && parts.body.is_empty() {
            match self.expect_body(request, &mut parts, &routed) {
                Ok(expected) => upload = Some(expected),
                Err(refusal) => {
                    let refusal = refusal.of_head(terms.to_head);
                    self.note_refused(core, &mut parts, &routed);
                    self.seen = self.app.sees_refusals().then_some(parts);
                    self.refuse(core, key, refusal);
                    self.seen = None;
                    return;
                }
            }
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.begin(&self.stats, &mut parts, request);
        let body_pending = upload.is_some();
        let mut exchange = Exchange::new(key, terms, upload);
        // Its body may be refused when the handler has the request.
        if body_pending && self.app.sees_refusals() {
            self.app.name(&mut parts);
            exchange.seen = Some(parts.copied());
        }
        exchange.asks_core = parts.head.asks_core;
        exchange.counted_for = routed.route().unwrap_or(NO_ROUTE);
        exchange.noted = self.note_head(core, &mut parts, routed.route(), None);
        exchange.asked = Some(Asked { parts, routed });
        self.keep(request, exchange);
        self.on(core, key, Event::HeadComplete { body_pending });
    }

    /// The request that a connection keeps goes to the gate: it runs, waits, or is refused.
    pub(super) fn admit(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if let Some(request) = self.table.get(key).and_then(|c| c.exchange) {
            self.admit_request(core, request);
        }
    }

    pub(super) fn admit_request(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let exchange = self.exchanges.get(request);
        let Some(Asked { parts, routed }) = exchange.and_then(|exchange| exchange.asked.take())
        else {
            return;
        };
        let (route, entry) = match routed {
            Routed::Answer(response) => {
                // Nobody reads the body: it is discarded as after any answer.
                drop(parts);
                return self.on_answer(core, request, Ok(*response));
            }
            Routed::Found { route, gated: true } => (route, self.enter(request, &parts)),
            Routed::Found { route, .. } => (route, Entry::Run(Ticket::free())),
            Routed::TooSoon { seconds, .. } => {
                return self.reject(core, request, parts, Reason::Rate, seconds);
            }
        };
        match entry {
            Entry::Run(ticket) => self.run(core, request, route, parts, ticket),
            Entry::Wait(place) => self.wait(core, request, place, route, parts),
            Entry::Refused(reason) => {
                self.reject(core, request, parts, reason, RETRY_SECONDS);
            }
        }
    }

    /// Runs the handler of an admitted request.
    pub(super) fn run(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        route: u32,
        parts: PlacedParts,
        ticket: Ticket,
    ) {
        if let Some(exchange) = self.exchanges.get(request) {
            exchange.ticket = ticket;
        }
        let mut answer = None;
        let called = self.call(core, request, route, parts, &mut answer);
        self.go_on(core, request, called, answer);
    }

    /// The first step of a handler is over, and its request is kept.
    pub(super) fn go_on(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        called: Called,
        answer: Option<Response>,
    ) {
        let route = self.watch.last();
        if let Some(exchange) = self.exchanges.get(request) {
            exchange.route = route;
        }
        match (called, answer) {
            (Called::Waiting(task), _) => {
                self.class_task(core, task, route);
                if let Some(exchange) = self.exchanges.get(request) {
                    exchange.task = Some(task);
                }
            }
            (Called::Panicked(panic), _) => self.on_answer(core, request, Err(panic)),
            (Called::Answered, Some(response)) => self.on_answer(core, request, Ok(response)),
            (Called::Answered, None) => debug_assert!(false, "an answer is where it was wanted"),
        }
        if self.app.options(route).detached {
            self.give_slot_back(request);
        }
    }

    #[inline]
    fn call(
        &mut self,
        core: &Core,
        request: ExchangeKey,
        route: u32,
        parts: PlacedParts,
        answer: &mut Option<Response>,
    ) -> Called {
        let began = self.watch.begin(core, route);
        let reply = ReplyTo {
            finished: &self.finished,
            request,
        };
        let called = self.app.call(core, route, parts, &reply, answer);
        if let Some(began) = began {
            self.first_step_ended(core, began);
        }
        called
    }

    /// A task of a route is as urgent as the route is.
    #[inline]
    pub(super) fn class_task(&self, core: &Core, task: TaskId, route: u32) {
        let priority = self.app.options(route).priority;
        if priority != Priority::default() {
            core.set_task_urgency(task, priority.into());
        }
    }

    #[inline(never)]
    fn expect_body(
        &self,
        request: ExchangeKey,
        parts: &mut PlacedParts,
        routed: &Routed,
    ) -> Result<Upload, Refusal> {
        let limit = self.body_limit(routed);
        let decoder = Box::new(BodyDecoder::new(parts.head.framing, limit)?);
        let cell = BodyCell::new(self.attention.clone(), request, parts.head.framing);
        parts.has_more = true;
        parts.body = RequestBody::arriving(cell.clone());
        Ok(Upload {
            decoder,
            cell,
            awaits_continue: parts.head.expect_continue,
            pace: Pace::default(),
        })
    }

    /// The most bytes that the body of a request may have.
    pub(super) fn body_limit(&self, routed: &Routed) -> Option<u64> {
        let route = routed.route();
        let limit = route.and_then(|route| self.app.options(route).body_size);
        limit.unwrap_or(self.settings.body_size)
    }

    /// A request goes on beyond this event: it is kept under its name.
    pub(super) fn keep(&mut self, request: ExchangeKey, exchange: Exchange) {
        if let Some(connection) = self.table.get(exchange.of) {
            connection.exchange = Some(request);
            self.exchanges.insert(request, exchange);
        }
    }

    fn enter(&mut self, request: ExchangeKey, parts: &PlacedParts) -> Entry {
        let Some(of) = self.exchanges.get(request).map(|exchange| exchange.of) else {
            return Entry::Run(Ticket::free());
        };
        match self.settings.admits_specially {
            true => self.enter_specially(of, request, parts),
            false => self.enter_door(of, request, parts),
        }
    }

    /// Where connections hold the slots, or addresses are counted.
    #[cold]
    fn enter_specially(
        &mut self,
        of: ConnectionKey,
        request: ExchangeKey,
        parts: &PlacedParts,
    ) -> Entry {
        if self.settings.per_address
            && let Some(client) = parts.client()
            && let Some(exchange) = self.exchanges.get(request)
        {
            match self.door.enter_address(client.ip()) {
                Some(place) => exchange.address = Some(place),
                None => return Entry::Refused(Reason::PerAddress),
            }
        }
        if self.connection_slots.contains_key(&of) {
            return Entry::Run(Ticket::free());
        }
        match self.enter_door(of, request, parts) {
            Entry::Run(ticket) => Entry::Run(self.held_by(of, ticket)),
            other => other,
        }
    }

    /// The slot of queued answers goes on to the next request of their batch, since a client that
    /// sends several at once is not to be refused for want of a slot that it holds itself; without
    /// one the request asks the gate.
    fn enter_door(
        &mut self,
        of: ConnectionKey,
        request: ExchangeKey,
        parts: &PlacedParts,
    ) -> Entry {
        if let Some(connection) = self.table.get(of)
            && !connection.ticket.is_free()
        {
            return Entry::Run(std::mem::take(&mut connection.ticket));
        }
        let rules = &self.settings.priority;
        self.door
            .enter(Candidate::Request(request), || priority_of(rules, parts))
    }

    /// The slot as a request holds it: not at all where connections do.
    pub(super) fn held_by(&mut self, of: ConnectionKey, ticket: Ticket) -> Ticket {
        match self.settings.admit {
            Admit::Request => ticket,
            Admit::Connection => {
                self.hold_for(of, ticket);
                Ticket::free()
            }
        }
    }

    /// The request that a connection keeps.
    #[inline]
    pub(super) fn exchange_of(&mut self, key: ConnectionKey) -> Option<&mut Exchange> {
        let request = self.table.get(key)?.exchange?;
        self.exchanges.get(request)
    }
}

/// The class of a request by the first rule that fits.
#[cold]
fn priority_of(rules: &[PriorityRule], parts: &PlacedParts) -> u8 {
    let fits = |rule: &&PriorityRule| match &rule.matcher {
        Matcher::Path(prefix) => parts.head.path(&parts.bytes).starts_with(prefix.as_str()),
        Matcher::Field(name, value) => {
            parts.head.header(&parts.bytes, name) == Some(value.as_bytes())
        }
    };
    match rules.iter().find(fits).map(|rule| rule.class) {
        Some(Class::High) => HIGH,
        Some(Class::Low) => LOW,
        None => NORMAL,
    }
}
