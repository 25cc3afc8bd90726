//! Step four: a handler runs. One that answers at once costs no more than its call; one that waits
//! is a future on this core until it answers, or until its connection gives up on it.

use super::engine::Engine;
use super::key::ConnectionKey;
use super::table::{Exchange, Terms, Upload};
use crate::admission::door::Ticket;
use crate::handler::{Body, Called, PlacedParts, ReplyTo, Response};
use crate::http::exchange::State;
use ringgate_runtime::task::TaskId;
use ringgate_runtime::{Core, Priority};
use std::rc::Rc;

impl Engine {
    /// Runs the handler of a request that was admitted as it came.
    #[inline(always)] // It has two callers, and one of them is every request.
    #[expect(clippy::too_many_arguments, reason = "a struct of them would be moved")]
    pub(super) fn run(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        route: u32,
        parts: PlacedParts,
        terms: Terms,
        upload: Option<Upload>,
        ticket: Ticket,
    ) {
        let mut answer = None;
        let called = self.call(core, key, route, parts, &mut answer);
        match &mut answer {
            Some(response) if upload.is_none() && !matches!(response.body, Body::Stream { .. }) => {
                self.answer_at_once(core, key, &terms, response, ticket);
                if response.owns_nothing() {
                    // Spares the look at each of its parts.
                    std::mem::forget(answer);
                }
            }
            _ => {
                let mut exchange = Exchange::new(terms, upload);
                exchange.ticket = Some(ticket);
                self.keep(key, exchange);
                self.go_on(core, key, called, answer);
            }
        }
    }

    /// Runs the handler of a request whose exchange has its place already.
    pub(super) fn run_kept(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        route: u32,
        parts: PlacedParts,
        ticket: Ticket,
    ) {
        if let Some(exchange) = self.exchange_of(key) {
            exchange.ticket = Some(ticket);
        }
        let mut answer = None;
        let called = self.call(core, key, route, parts, &mut answer);
        self.go_on(core, key, called, answer);
    }

    /// The request is not over with its handler's first step.
    #[inline(never)]
    fn go_on(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        called: Called,
        answer: Option<Response>,
    ) {
        let route = self.watch.last();
        if let Some(exchange) = self.exchange_of(key) {
            exchange.route = route;
        }
        match (called, answer) {
            (Called::Waiting(task), _) => {
                self.class_task(core, task, route);
                if let Some(exchange) = self.exchange_of(key) {
                    exchange.task = Some(task);
                }
            }
            (Called::Panicked(panic), _) => self.on_answer(core, key, Err(panic)),
            (Called::Answered, Some(response)) => self.on_answer(core, key, Ok(response)),
            (Called::Answered, None) => debug_assert!(false, "an answer is where it was wanted"),
        }
        if self.app.detaches(route) {
            self.give_slot_back(key);
        }
    }

    /// A task of a route is as urgent as the route is.
    #[inline]
    pub(super) fn class_task(&self, core: &Core, task: TaskId, route: u32) {
        let priority = self.app.priority(route);
        if priority != Priority::default() {
            core.set_task_urgency(task, priority.into());
        }
    }

    #[inline]
    fn call(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        route: u32,
        parts: PlacedParts,
        answer: &mut Option<Response>,
    ) -> Called {
        let began = self.watch.begin(core, route);
        let reply = ReplyTo {
            finished: &self.finished,
            key,
        };
        let called = self.app.call(core, route, parts, reply, answer);
        if let Some(began) = began {
            self.first_step_took(core, route, core.clock() - began);
        }
        called
    }

    /// Something outside of the engine touched this connection: its handler asked for the body or
    /// read from it or let go of it, or its stream has a piece.
    pub(super) fn look_after(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(exchange) = self.exchange_of(key) else {
            return;
        };
        let runs = exchange.task.is_some();
        if let Some(upload) = &mut exchange.upload
            && runs
            && upload.awaits_continue
            && upload.cell.is_asked_for()
            && !upload.decoder.is_finished()
        {
            upload.awaits_continue = false;
            let receiving = self
                .table
                .get(key)
                .is_some_and(|c| c.state == State::Receiving);
            if receiving {
                self.write_continue(key);
            }
        }
        self.regulate(core, key);
        self.settle(core, key);
    }
}
