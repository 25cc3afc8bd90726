//! The switchboard: each event of a connection goes to its conversation ([`super::wire`]), and what
//! that demands is performed here and nowhere else ([`Engine::perform`]). Every event ends in
//! [`Engine::settle`], which sends what is queued and sets the deadline in force.
//!
//! Called by all files of this folder, and by the engine before each wait ([`Engine::take_up`]): an answer of a
//! handler that waited enters here. A request also ends here, once its answer is out or its connection breaks.
//! `perform` calls the file of the step that an effect belongs to.

use super::engine::{Course, Engine};
use super::key::{ConnectionKey, ExchangeKey};
use super::table::Connection;
use crate::handler::{BodyError, Note, none_noted, take_notes};
use crate::http1::exchange::{Effect, Event, State};
use crate::http1::refusal::Refusal;
use crate::http1::upgraded::Phase;
use ringgate_runtime::Core;
use std::rc::Rc;

/// Whether the unread bytes may be looked at again at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The unread bytes may be looked at again.
    Again,
    /// More has to come or to happen first.
    Done,
    /// The same, and all answers are on their way: until one of both happens, the connection is settled.
    Sent,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The answer is with the kernel.
    Answered,
    /// The connection broke first.
    Aborted,
}

impl Engine {
    /// Something happened: the state changes, and what that demands is done.
    #[inline(never)]
    pub(super) fn on(&mut self, core: &Rc<Core>, key: ConnectionKey, event: Event) -> Reading {
        let Some(connection) = self.table.get(key) else {
            return Reading::Done;
        };
        let effect = connection.wire.on(event);
        self.perform(core, key, effect)
    }

    /// Takes up what happened to requests outside of the engine since it looked last: handlers answered, gave
    /// slots back, read from a body; streams have a piece.
    #[inline]
    pub(super) fn take_up(&mut self, core: &Rc<Core>) {
        if !self.finished.is_empty() {
            self.take_up_answers(core);
        }
        if !none_noted() {
            for (request, note) in take_notes(self.index) {
                match note {
                    Note::Detached => self.give_slot_back(request),
                    Note::Panicked(text) => self.count_panic(core, &text),
                }
            }
        }
        if self.upgrades.has_calls() {
            self.take_up_calls(core);
        }
        if !self.attention.is_empty() {
            for request in self.attention.take() {
                self.look_after(core, request);
            }
        }
    }

    #[inline(never)]
    fn take_up_answers(&mut self, core: &Rc<Core>) {
        while let Some((request, answer)) = self.finished.pop() {
            let Some(of) = self.exchanges.get(request).map(|exchange| exchange.of) else {
                if let Ok(response) = answer {
                    response.body.let_go();
                }
                continue;
            };
            self.on_answer(core, request, answer);
            self.settle(core, of);
        }
    }

    /// Something outside of the engine touched this request: its handler asked for the body or read
    /// from it or let go of it, or its stream has a piece.
    fn look_after(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let key = exchange.of;
        if exchange.on.is_some() {
            self.look_after_stream(core, request);
            return self.settle(core, key);
        }
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

    /// A message cannot be served as it stands, for this reason.
    pub(super) fn refuse(&mut self, core: &Rc<Core>, key: ConnectionKey, refusal: Refusal) {
        // Beside the event, which travels in a register.
        self.refusal = Some(refusal);
        self.on(core, key, Event::Refused);
        self.refusal = None;
    }

    /// Does what the conversation demands. Only [`Event::BytesArrived`] has effects after which
    /// reading may go on.
    #[inline(always)] // For the two effects of nearly every request.
    pub(super) fn perform(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        effect: Effect,
    ) -> Reading {
        match effect {
            Effect::Nothing => Reading::Done,
            Effect::ReadHead => self.read_heads(core, key),
            other => self.perform_other(core, key, other),
        }
    }

    #[inline(never)]
    fn perform_other(&mut self, core: &Rc<Core>, key: ConnectionKey, effect: Effect) -> Reading {
        match effect {
            Effect::Nothing => return Reading::Done,
            Effect::ReadHead => return self.read_heads(core, key),
            Effect::ReadBody => return self.read_body(core, key),
            Effect::DiscardBody => return self.discard_body(core, key),
            Effect::Discard => return self.discard(core, key),
            Effect::Admit => self.admit(core, key),
            Effect::AnswerRefusal => self.write_refusal(core, key),
            Effect::AnswerError(status) => self.write_error(core, key, status),
            Effect::TurnAway => self.write_turned_away(core, key),
            Effect::DropAnswers => self.drop_answers(core, key),
            Effect::Upgrade => self.upgrade(core, key),
            Effect::ReadUpgraded => return self.read_upgraded(core, key),
            Effect::FeedUpgraded => self.feed_upgraded(core, key),
            Effect::AskUpgraded => self.ask_upgraded(core, key),
            Effect::FailUpgraded => self.fail_upgraded(core, key),
            Effect::EndInput => self.end_input(key),
            Effect::DrainUpgraded => self.drain_upgraded(core, key),
            Effect::EndUpgraded => self.end_upgraded(core, key),
            Effect::SetAside => self.set_aside(key),
            Effect::NextRequest => self.next_request(core, key),
            Effect::Linger => self.linger(core, key),
            Effect::Close => self.close_when_flushed(core, key),
            Effect::Release => self.release(core, key),
            Effect::Abort => self.abort(core, key),
            Effect::Impossible => debug_assert!(false, "the conversation says so itself"),
        }
        Reading::Done
    }

    /// The request is over: on to the next, or to the end.
    fn next_request(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.finish_exchange(core, key, Outcome::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if !connection.unread.is_empty() {
            connection.pipelines = true;
            return;
        }
        if connection.eof {
            self.on(core, key, Event::PeerEof);
        } else {
            self.follow_course(core, key);
        }
    }

    /// Everything queued is with the kernel: on to what comes next.
    pub(super) fn on_flushed(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.settle_answers(core, key, Outcome::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.idle_since = core.now();
        // A client that has pipelined may send more before it reads that nobody is there for it.
        let unread = !connection.unread.is_empty()
            || connection.pipelines
            || connection.transport.has_received()
            || (connection.ends_here() && core.has_unread(&connection.socket));
        self.on(core, key, Event::Flushed { unread });
        if self.is_behind(key) {
            self.advance(core, key);
            self.regulate(core, key);
        }
        if self.course != Course::Serving
            && matches!(
                self.state_of(key),
                Some(State::Head | State::Upgraded(Phase::Open | Phase::Asked | Phase::Rest))
            )
        {
            // Its unsent bytes kept it here.
            self.follow_course(core, key);
        }
    }

    /// Ends the exchange, whatever it held.
    pub(super) fn finish_exchange(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        outcome: Outcome,
    ) {
        self.drop_handler(core, key);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let rejected = connection.rejected;
        let request = connection.exchange.take();
        let Some(exchange) = request.and_then(|request| self.exchanges.remove(request)) else {
            return;
        };
        let rejected = rejected.or(exchange.rejected);
        self.stats.running.fall();
        if exchange.detached {
            self.stats.detached.fall();
        }
        match (outcome, rejected) {
            (Outcome::Aborted, _) => self.stats.requests_aborted.add(1),
            (Outcome::Answered, Some(reason)) => {
                self.stats.requests_rejected[reason as usize].add(1);
            }
            (Outcome::Answered, None) => {
                self.stats.answered.add(1);
                self.stats
                    .service_time
                    .record((core.now() - exchange.terms.began).as_nanos() as u64);
            }
        }
        if let Some(mut noted) = exchange.noted {
            if let Some(reason) = rejected {
                noted.refused(reason.name());
            }
            self.tell_of(core, key, noted, outcome);
        }
    }

    /// A request that is answered makes room for the next one of its batch. Until its answer is out it
    /// counts as running and holds its slot, as one that was answered at once.
    pub(super) fn set_aside(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let request = connection.exchange.take();
        let Some(exchange) = request.and_then(|request| self.exchanges.remove(request)) else {
            return;
        };
        if exchange.detached {
            self.stats.detached.fall();
        }
        let queued = connection.output.queued;
        match exchange.rejected {
            None => connection.answered_at_once(exchange.terms.began, exchange.ticket),
            // No handler ran for it, whatever becomes of its answer.
            Some(reason) => {
                self.stats.running.fall();
                self.stats.requests_rejected[reason as usize].add(1);
            }
        }
        if let Some(mut noted) = exchange.noted {
            if let Some(reason) = exchange.rejected {
                noted.refused(reason.name());
            }
            self.with_access(|access| access.set_aside(key, queued, noted));
        }
    }

    /// Drops what works for a request: its place at the gate, its handler, its stream.
    pub(super) fn drop_handler(&mut self, core: &Core, key: ConnectionKey) {
        if let Some(request) = self.table.get(key).and_then(|c| c.exchange) {
            self.drop_handler_of(core, request);
        }
    }

    pub(super) fn drop_handler_of(&mut self, core: &Core, request: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let waiting = exchange.waiting.take();
        let task = exchange.task.take();
        let stream = exchange.stream.take();
        if let Some(upload) = &exchange.upload {
            upload.cell.fail_if_arriving(BodyError::Cut);
        }
        if let Some(on) = &exchange.on
            && let Some(inflow) = &on.inflow
        {
            inflow.cut();
        }
        if let Some(waiting) = &waiting {
            self.stop_waiting(core, waiting);
        }
        if let Some(task) = task {
            core.cancel_task(task);
        }
        if let Some(stream) = stream {
            self.stats.answer(&self.routes, stream.tally);
            core.cancel_task(stream.task);
        }
        drop(waiting);
    }

    /// Every event of a connection ends here: what is queued goes out, and the deadline in force
    /// is set.
    #[inline]
    pub(super) fn settle(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.exchange.is_none() {
            let flushed = connection.flush(
                core,
                key,
                &mut self.sealing,
                &mut self.pieces,
                &mut self.buffers,
            );
            match flushed {
                Ok(()) if !connection.is_out() => {
                    return connection.set_deadline(core, key, &self.settings);
                }
                Ok(()) => {}
                Err(ended) => self.tls_ended(core, key, ended),
            }
        }
        self.settle_all(core, key);
    }

    /// As [`Engine::settle`], for connections with an exchange, and at the end of an answer or of
    /// the connection.
    #[inline(never)]
    fn settle_all(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.flush_all(core, key);
        // The end of a stream of known length adds no byte: if it is told after the last byte went
        // out, no send is left whose completion would lead on.
        let is_out = self.table.get(key).is_some_and(|c| c.is_out());
        if is_out && self.state_of(key) != Some(State::Closed) {
            self.on_flushed(core, key);
            self.flush_all(core, key);
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        match connection.wire.state() {
            State::Closed => self.close_when_quiet(core, key),
            _ => connection.set_deadline(core, key, &self.settings),
        }
    }

    /// Where the conversation on a connection stands.
    #[inline]
    pub(super) fn state_of(&mut self, key: ConnectionKey) -> Option<State> {
        Some(self.table.get(key)?.wire.state())
    }

    fn flush_all(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.take_stream(core, key);
        while let Some(connection) = self.table.get(key)
            && let Err(ended) = connection.flush(
                core,
                key,
                &mut self.sealing,
                &mut self.pieces,
                &mut self.buffers,
            )
        {
            // Then nothing is sealed any more, and its last word goes out.
            self.tls_ended(core, key, ended);
        }
    }
}

impl Connection {
    /// Whether all that was to be sent before the next step is out, so that nothing that is in
    /// flight will lead on.
    #[inline]
    fn is_out(&self) -> bool {
        match self.wire.state() {
            State::Writing(_) | State::WritingUnread(_) | State::Closing => self.is_flushed(),
            State::Closed => true,
            _ => false,
        }
    }
}
