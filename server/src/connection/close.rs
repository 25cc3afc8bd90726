//! Step six: a connection ends. Closing a descriptor cancels nothing, so: cancel the receive, take its
//! last completion, then close.
//!
//! Called by [`super::step`], which performs what the conversation demands, and for all connections
//! at once when the course of the core changes.

use super::deadlines::Patience;
use super::engine::Engine;
use super::key::ConnectionKey;
use super::step::Outcome;
use super::table::{Receive, Unread};
use crate::http1::exchange::{After, Deadline, Event, State};
use crate::http1::upgraded::Phase;
use ringgate_runtime::Core;
use ringgate_runtime::sys::socket::Direction;
use std::rc::Rc;

impl Engine {
    /// Shuts the sending side down, and throws away what arrives.
    pub(super) fn linger(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.finish_exchange(core, key, Outcome::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.unread = Unread::None;
        if connection.eof {
            self.on(core, key, Event::PeerEof);
            return;
        }
        core.shutdown(&connection.socket, Direction::Write);
        self.listen_to(core, key);
    }

    /// The last bytes may be with the kernel already; else [`Engine::settle`] waits for that.
    pub(super) fn close_when_flushed(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.end_upgraded(core, key);
        if let Some(connection) = self.table.get(key)
            && connection.is_flushed()
        {
            self.on(core, key, Event::Flushed { unread: false });
        }
    }

    /// Everything is sent: takes back what is in flight, and closes.
    pub(super) fn release(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.leave_arrivals(core, key);
        self.settle_answers(core, key, Outcome::Answered);
        self.finish_exchange(core, key, Outcome::Answered);
        self.stop_listening(core, key);
        self.stop_watching(core, key);
        self.close_when_quiet(core, key);
    }

    /// Drops what is queued, and closes.
    pub(super) fn abort(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.end_upgraded(core, key);
        self.leave_arrivals(core, key);
        self.settle_answers(core, key, Outcome::Aborted);
        self.finish_exchange(core, key, Outcome::Aborted);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.aborted = true;
        connection.output.clear();
        if connection.output.in_flight.is_some() {
            // Ends the send in flight at once.
            core.shutdown(&connection.socket, Direction::Both);
        }
        self.stop_listening(core, key);
        self.stop_watching(core, key);
        self.close_when_quiet(core, key);
    }

    /// Drops what works for the connection and what is queued; the last word of its transport goes out.
    pub(super) fn drop_answers(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.end_upgraded(core, key);
        self.leave_arrivals(core, key);
        self.settle_answers(core, key, Outcome::Aborted);
        self.finish_exchange(core, key, Outcome::Aborted);
        self.dismiss(key, Patience::UntilSent);
        if let Some(connection) = self.table.get(key) {
            connection.aborted = true;
            connection.unread = Unread::None;
            connection.output.clear();
        }
    }

    /// Closes if nothing of the connection is in flight any more; its last completion comes here
    /// again.
    pub(super) fn close_when_quiet(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let armed = connection.receive != Receive::Off || connection.watch != Receive::Off;
        if armed || connection.output.in_flight.is_some() || self.awaits_taking(core, key) {
            return;
        }
        self.leave_access(core, key);
        self.leave_transport(core, key);
        self.sockets.leave(key.slot());
        let Some(mut connection) = self.table.remove(key) else {
            return;
        };
        let resets = match connection.patience {
            Patience::AsItTakes | Patience::UntilSent => false,
            Patience::InAll => !core.has_taken_all(&connection.socket),
            Patience::Over => true,
        };
        if resets {
            connection.aborted = true;
            core.reset_at_close(&connection.socket);
        }
        if let Some((timer, _)) = connection.timer {
            core.cancel_timer(timer);
        }
        self.stalls.forget(key);
        drop(self.take_slot(key));
        self.stats.open.fall();
        self.headroom.leave(1);
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

    /// Whether a client that misused what it may do, and ended its side before it has taken what it was told, has time left
    /// for that. It is asked again then: a reset would drop what is under way.
    fn awaits_taking(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        let may_wait = connection.patience == Patience::InAll && connection.eof;
        if !may_wait || connection.aborted || !core.is_taking(&connection.socket) {
            return false;
        }
        if connection.deadline_of != Some(Deadline::Dismissal) {
            connection.deadline_of = Some(Deadline::Dismissal);
            let end = core.now() + self.settings.first_look(Deadline::Dismissal);
            connection.put_deadline(core, key, end);
        }
        self.close_later(core, key);
        true
    }

    /// Draining: an idle connection closes, at the end of its grace. One whose answer announced the
    /// close is not idle any more and ends by itself.
    pub(super) fn close_if_idle(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        match connection.wire.state() {
            // GOAWAY ends nothing that the client has begun.
            State::Upgraded(Phase::Rest | Phase::Streams) => {
                self.on(core, key, Event::Drain);
                return self.settle(core, key);
            }
            State::Upgraded(_) => return self.part_later(core, key),
            _ => {}
        }
        let is_idle = connection.wire.state() == State::Idle && connection.is_flushed();
        if !is_idle || connection.exchange.is_some() {
            return;
        }
        // One that waits for room among the handshakes may have said its first words, which nobody reads.
        let waits_outside =
            connection.transport.is_shaking_hands() && !self.handshakes.is_inside(key);
        let is_in_handshake = connection.transport.is_in_handshake() || waits_outside;
        if is_in_handshake || self.arrivals.contains_key(&key) {
            // The end of the handshake, or the gate, says what becomes of it.
            return;
        }
        // Also before its first request, which may be under way.
        let until = connection.idle_since + self.settings.keepalive_grace;
        if until <= core.now() {
            self.on(core, key, Event::Drain);
            return self.settle(core, key);
        }
        connection.deadline_of = Some(Deadline::Idle);
        connection.put_deadline(core, key, until);
    }

    /// The end of patience.
    pub(super) fn force(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let state = connection.wire.state();
        if state == State::Closed && connection.patience == Patience::InAll {
            connection.patience = Patience::Over;
        }
        let is_last = matches!(
            state,
            State::Writing(After::Close) | State::WritingUnread(After::Close) | State::Closing
        );
        // The 503 of the gate leaves the kernel's queue before the end does.
        let sent = is_last && connection.rejected.is_some() && connection.output.queued == 0;
        let rests = matches!(state, State::Idle | State::Upgraded(Phase::Rest));
        let busy = connection.exchange.is_some() || !rests;
        let forced = !sent && !matches!(state, State::Lingering | State::Closed);
        if busy && forced {
            self.cut += 1;
            connection.aborted = true;
            let served = connection.served;
            let peer = self.peer_of(key);
            crate::observe::log::limited!(
                self.log,
                core.now().as_nanos(),
                warn,
                "cut",
                peer = peer.as_deref().unwrap_or("unknown"),
                state = ?state,
                served,
                "a connection is cut off"
            );
        }
        self.because(Some("forced"));
        self.on(core, key, Event::Force { sent });
        self.because(None);
        if let Some(connection) = self.table.get(key) {
            let in_flight = connection.output.in_flight.is_some();
            if in_flight {
                core.shutdown(&connection.socket, Direction::Both);
            }
        }
        self.settle(core, key);
    }
}
