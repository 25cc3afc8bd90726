//! Step six: a connection ends, and what its state demands on the way there. Closing a descriptor
//! cancels nothing, so: cancel the receive, take its last completion, then close.

use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::settings::Settings;
use super::stall::LOOKS;
use super::table::{Connection, Receive};
use crate::handler::BodyError;
use crate::http::exchange::{After, Deadline, Effect, Event, State};
use ringgate_runtime::sys::socket::{Direction, peer_addr};
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its answer is with the kernel.
    Answered,
    /// Its connection broke first.
    Aborted,
}

impl Engine {
    /// Something happened: the state changes, and what it demands is done.
    pub(super) fn on(&mut self, core: &Rc<Core>, key: ConnectionKey, event: Event) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let (state, effect) = connection.state.on(event);
        debug_assert!(
            effect != Effect::Impossible,
            "{event:?} in {:?}",
            connection.state
        );
        connection.state = state;
        self.perform(core, key, effect);
    }

    pub(super) fn perform(&mut self, core: &Rc<Core>, key: ConnectionKey, effect: Effect) {
        match effect {
            Effect::Nothing | Effect::Hold | Effect::Impossible => {}
            // Reading is driven by `advance`, running by `admit`, refusing by `refuse`.
            Effect::ReadHead | Effect::ReadBody | Effect::DiscardBody | Effect::Discard => {}
            Effect::RunHandler | Effect::AnswerRefusal => {}
            Effect::AnswerError(status) => self.write_error(core, key, status),
            Effect::NextRequest => self.next_request(core, key),
            Effect::RememberEof => {
                if let Some(connection) = self.table.get(key) {
                    connection.eof = true;
                }
            }
            Effect::Linger => self.linger(core, key),
            Effect::Close => self.close(core, key),
            Effect::Abort => self.abort(core, key),
        }
    }

    fn next_request(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.finish_exchange(core, key, Ending::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if !connection.unread.is_empty() {
            return;
        }
        if connection.eof {
            return self.on(core, key, Event::PeerEof);
        }
        self.follow_course(core, key);
    }

    fn linger(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.finish_exchange(core, key, Ending::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.unread = super::table::Unread::None;
        if connection.eof {
            connection.state = State::Closed;
            return self.close(core, key);
        }
        core.shutdown(&connection.socket, Direction::Write);
        self.listen_to(core, key);
    }

    /// Ends the exchange, whatever it held.
    pub(super) fn finish_exchange(&mut self, core: &Rc<Core>, key: ConnectionKey, ending: Ending) {
        self.drop_handler(core, key);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let Some(index) = connection.exchange.take() else {
            return;
        };
        let rejected = connection.rejected;
        let exchange = self.exchanges.remove(index as usize);
        self.stats.running.fall();
        if self.settings.per_address {
            self.addresses.remove(&key);
        }
        if exchange.detached {
            self.stats.detached.fall();
        }
        match (ending, rejected) {
            (Ending::Aborted, _) => self.stats.requests_aborted.add(1),
            (Ending::Answered, Some(reason)) => {
                self.stats.requests_rejected[reason as usize].add(1);
            }
            (Ending::Answered, None) => {
                self.stats.answered.add(1);
                self.stats
                    .service_time
                    .record((core.now() - exchange.terms.began).as_nanos() as u64);
            }
        }
        drop(exchange);
    }

    /// Drops what works for a request: its place at the gate, its handler, its stream.
    pub(super) fn drop_handler(&mut self, core: &Core, key: ConnectionKey) {
        let Some(exchange) = self.exchange_of(key) else {
            return;
        };
        let waiting = exchange.waiting.take();
        let task = exchange.task.take();
        let stream = exchange.stream.take();
        if let Some(upload) = &exchange.upload {
            upload.cell.fail_if_arriving(BodyError::Cut);
        }
        if let Some(waiting) = &waiting {
            self.stop_waiting(core, waiting);
        }
        if let Some(task) = task {
            core.cancel_task(task);
        }
        if let Some(stream) = stream {
            self.stats.responses[stream.class].add(1);
            core.cancel_task(stream.task);
        }
        drop(waiting);
    }

    /// Closes once everything queued is sent.
    pub(super) fn close(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.state = State::Closed;
        if !connection.output.is_flushed() {
            return;
        }
        self.leave_arrivals(core, key);
        self.settle_answers(core, key, Ending::Answered);
        self.finish_exchange(core, key, Ending::Answered);
        self.stop_listening(core, key);
        self.stop_watching(core, key);
        self.close_when_quiet(core, key);
    }

    /// Drops what is queued, and closes.
    pub(super) fn abort(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.leave_arrivals(core, key);
        self.settle_answers(core, key, Ending::Aborted);
        self.finish_exchange(core, key, Ending::Aborted);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.state = State::Closed;
        connection.aborted = true;
        connection.dropped = true;
        connection.output.pieces.clear();
        connection.output.tail = Vec::new();
        connection.output.queued = 0;
        if connection.output.in_flight.is_some() {
            // Ends the send in flight at once.
            core.shutdown(&connection.socket, Direction::Both);
        }
        self.stop_listening(core, key);
        self.stop_watching(core, key);
        self.close_when_quiet(core, key);
    }

    /// Closes if nothing of the connection is in flight any more; its last completion comes here
    /// again.
    pub(super) fn close_when_quiet(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let armed = connection.receive != Receive::Off || connection.watch != Receive::Off;
        if armed || connection.output.in_flight.is_some() {
            return;
        }
        self.sockets.leave(key.slot());
        let Some(connection) = self.table.remove(key) else {
            return;
        };
        if let Some((timer, _)) = connection.timer {
            core.cancel_timer(timer);
        }
        self.stalls.forget(key);
        self.stats.open.fall();
        let was_full = connection.rejected.is_some() && self.is_full();
        self.rejecting -= u64::from(connection.rejected.is_some());
        match connection.rejected {
            Some(reason) if !connection.aborted => self.stats.rejected[reason as usize].add(1),
            _ if connection.aborted => self.stats.aborted.add(1),
            _ => self.stats.finished.add(1),
        }
        core.close(connection.socket);
        self.accept_in_its_place(core, was_full);
    }

    /// Sets the deadline that is in force now.
    pub(super) fn set_deadline(&mut self, core: &Core, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key) {
            connection.set_deadline(core, key, &self.settings);
        }
    }

    pub(super) fn on_deadline(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.timer = None;
        let Some(kind) = connection.deadline_of else {
            return;
        };
        if self.arrivals.contains_key(&key) {
            // It may not ask for anything yet; its time begins when it is let in.
            return;
        }
        if connection.deadline > core.now() {
            let deadline = connection.deadline;
            let timer = core.set_timer(deadline, Subject::Deadline(key).to_key());
            connection.timer = Some((timer, deadline));
            return;
        }
        if kind == Deadline::Write && !self.is_stalled(core, key) {
            return;
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.deadline_of = None;
        match kind {
            Deadline::Write => {
                connection.aborted = true;
                self.on(core, key, Event::WriteStalled);
            }
            Deadline::Head | Deadline::Body => {
                connection.aborted = true;
                self.on(core, key, Event::DeadlinePassed);
            }
            Deadline::Idle | Deadline::Linger => self.on(core, key, Event::DeadlinePassed),
        }
        self.settle(core, key);
    }

    /// Draining: an idle connection closes, at the end of its grace. One whose answer announced the
    /// close is not idle any more and ends by itself.
    pub(super) fn close_if_idle(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.state != State::Idle || connection.exchange.is_some() {
            return;
        }
        if self.arrivals.contains_key(&key) {
            // The gate says what becomes of it.
            return;
        }
        // Also before its first request, which may be under way.
        let until = connection.idle_since + self.settings.keepalive_grace;
        if until <= core.now() {
            self.on(core, key, Event::Drain);
            return self.settle(core, key);
        }
        connection.deadline_of = Some(Deadline::Idle);
        connection.deadline = until;
        if let Some((timer, _)) = connection.timer.take() {
            core.cancel_timer(timer);
        }
        let timer = core.set_timer(until, Subject::Deadline(key).to_key());
        connection.timer = Some((timer, until));
    }

    /// The end of patience.
    pub(super) fn force(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let refused = connection.rejected.is_some() && connection.output.queued == 0;
        let answering = matches!(
            connection.state,
            State::Writing(After::Close) | State::WritingUnread(After::Close)
        );
        if refused && answering {
            // Its 503 is with the kernel, whose queue it leaves before the end does.
            connection.state = State::Closed;
            core.shutdown(&connection.socket, Direction::Both);
            return self.settle(core, key);
        }
        let busy = connection.exchange.is_some() || connection.state != State::Idle;
        let forced = !matches!(connection.state, State::Lingering | State::Closed);
        if busy && forced {
            self.cut += 1;
            connection.aborted = true;
            let peer = connection.socket.real().map(peer_addr);
            let peer = peer.and_then(Result::ok).map(|peer| peer.to_string());
            crate::limited!(
                self.log,
                core.now().as_nanos(),
                warn,
                "cut",
                peer = peer.as_deref().unwrap_or("unknown"),
                state = ?connection.state,
                served = connection.served,
                "a connection is cut off"
            );
        }
        self.on(core, key, Event::Force);
        if let Some(connection) = self.table.get(key) {
            let in_flight = connection.output.in_flight.is_some();
            if in_flight {
                core.shutdown(&connection.socket, Direction::Both);
            }
        }
        self.settle(core, key);
    }
}

impl Connection {
    /// Sets the deadline that is in force now. One that is in force already goes on, but that of a
    /// body begins anew: every event of a body is progress.
    #[inline]
    pub(super) fn set_deadline(&mut self, core: &Core, key: ConnectionKey, settings: &Settings) {
        let kind = self.state.deadline(!self.output.is_flushed());
        if kind == self.deadline_of && kind != Some(Deadline::Body) {
            return;
        }
        self.deadline_of = kind;
        let Some(kind) = kind else {
            self.deadline = Moment::NEVER;
            return;
        };
        let within = match kind {
            Deadline::Write => settings.timeout(kind) / LOOKS,
            _ => settings.timeout(kind),
        };
        self.deadline = core.now() + within;
        // A timer that fires too early looks again; one that would fire too late is set anew.
        match self.timer {
            Some((_, at)) if at <= self.deadline => {}
            _ => self.set_timer(core, key),
        }
    }

    #[cold]
    fn set_timer(&mut self, core: &Core, key: ConnectionKey) {
        if let Some((timer, _)) = self.timer {
            core.cancel_timer(timer);
        }
        let timer = core.set_timer(self.deadline, Subject::Deadline(key).to_key());
        self.timer = Some((timer, self.deadline));
    }
}
