//! Step four: a handler runs. One that answers at once costs no more than its call; one that waits
//! is a future on this core until it answers, or until its connection gives up on it.

use super::engine::Engine;
use super::key::ConnectionKey;
use super::table::{Exchange, Waiting};
use crate::admission::door::Ticket;
use crate::handler::{Body, PlacedParts, Reply};
use crate::http::exchange::State;
use ringgate_runtime::Core;
use ringgate_runtime::task::TaskId;
use std::rc::Rc;

impl Engine {
    /// Runs the handler of a request that was admitted as it came.
    #[inline]
    pub(super) fn run(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        route: u32,
        parts: PlacedParts,
        mut exchange: Exchange,
    ) {
        let task = self.call(core, key, route, parts);
        let at_once = match self.finished.pop_for(key) {
            Some(Ok(response))
                if exchange.body.is_none() && !matches!(response.body, Body::Stream { .. }) =>
            {
                return self.answer_at_once(core, key, &mut exchange, response);
            }
            other => other,
        };
        exchange.task = Some(task);
        self.keep(key, exchange);
        if let Some(answer) = at_once {
            self.on_answer(core, key, answer);
        }
    }

    /// Runs the handler of a request that waited at the gate.
    pub(super) fn run_granted(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        waiting: Waiting,
        ticket: Ticket,
    ) {
        if let Some(exchange) = self.exchange_of(key) {
            exchange.ticket = Some(ticket);
        }
        let task = self.call(core, key, waiting.route, waiting.parts);
        if let Some(exchange) = self.exchange_of(key) {
            exchange.task = Some(task);
        }
        self.take_answers(core);
    }

    #[inline]
    fn call(&self, core: &Core, key: ConnectionKey, route: u32, parts: PlacedParts) -> TaskId {
        let reply = Reply::new(self.finished.clone(), key);
        self.app.call(core, route, parts, reply)
    }

    /// Takes up answers that handlers have given, without waiting for the turn's end.
    #[inline]
    pub(super) fn take_answers(&mut self, core: &Rc<Core>) {
        while let Some((key, answer)) = self.finished.pop() {
            self.on_answer(core, key, answer);
        }
    }

    /// Something outside of the engine touched this connection: its handler asked for the body or
    /// read from it or let go of it, or its stream has a piece.
    pub(super) fn look_after(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(exchange) = self.exchange_of(key) else {
            return;
        };
        let asked = exchange
            .body
            .as_ref()
            .is_some_and(|body| body.is_asked_for());
        let arriving = exchange
            .decoder
            .as_ref()
            .is_some_and(|decoder| !decoder.is_finished());
        if asked && arriving && exchange.awaits_continue && exchange.task.is_some() {
            exchange.awaits_continue = false;
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
