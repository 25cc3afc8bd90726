//! Step four: a handler runs, of a request that is kept because it did not go straight
//! ([`super::straight`]). One that waits is a future on this core until it answers, or until its
//! connection gives up on it.

use super::engine::Engine;
use super::key::ExchangeKey;
use crate::admission::door::Ticket;
use crate::handler::{Called, PlacedParts, ReplyTo, Response};
use crate::http::exchange::State;
use ringgate_runtime::task::TaskId;
use ringgate_runtime::{Core, Priority};
use std::rc::Rc;

impl Engine {
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

    /// A task of a route is as urgent as the route is.
    #[inline]
    pub(super) fn class_task(&self, core: &Core, task: TaskId, route: u32) {
        let priority = self.app.options(route).priority;
        if priority != Priority::default() {
            core.set_task_urgency(task, priority.into());
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

    /// Something outside of the engine touched this request: its handler asked for the body or read
    /// from it or let go of it, or its stream has a piece.
    pub(super) fn look_after(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let key = exchange.of;
        let runs = exchange.task.is_some();
        if let Some(upload) = &mut exchange.upload
            && runs
            && upload.awaits_continue
            && upload.cell.is_asked_for()
            && !upload.decoder.is_finished()
        {
            upload.awaits_continue = false;
            if self.state_of(key) == Some(State::Receiving) {
                self.write_continue(key);
            }
        }
        self.regulate(core, key);
        self.settle(core, key);
    }
}
