//! The time limits of a connection: which one is in force, and what happens when it passes. A
//! connection has one timer, which may be early; how long each limit is stands in
//! [`super::settings`], and which applies in [`crate::http1::exchange`].
//!
//! Called by [`super::step`] at the end of each event, and by the engine when a timer fires. Whether a
//! client that has not taken all of a send takes some of it is found out in [`super::stall`].

use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::settings::Settings;
use super::table::{Connection, Receive};
use crate::config::HalfClose;
use crate::http1::exchange::{Deadline, Event, State};
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// How long a client may take for what is sent to it: it only becomes less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Patience {
    /// As long as it takes some of it now and then.
    #[default]
    AsItTakes,
    /// The client was refused, or is told the end: [`Deadline::Dismissal`] in all until everything is with the kernel.
    /// Then it is lingered as ever.
    UntilSent,
    /// The client misused what it may do: the same until the connection is closed.
    InAll,
    /// The client had time enough for what was sent, and has not taken all: the close is a reset.
    Over,
}

impl Engine {
    /// The client of a connection is ended, and has so much time for what is queued.
    pub(super) fn dismiss(&mut self, key: ConnectionKey, patience: Patience) {
        if let Some(connection) = self.table.get(key) {
            connection.patience = connection.patience.max(patience);
        }
    }

    /// Sets the deadline of a connection that is in force now.
    pub(super) fn set_deadline(&mut self, core: &Core, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key) {
            connection.set_deadline(core, key, &self.settings);
        }
    }

    /// The timer of a connection fired. The timer may be early: a deadline that was put off leaves
    /// its timer where it is.
    pub(super) fn on_deadline(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.timer = None;
        let Some(kind) = connection.deadline_of else {
            return;
        };
        if self.arrivals.contains_key(&key) {
            // A connection that waits at the gate asks for nothing yet: its time begins when it is
            // let in.
            return;
        }
        if connection.deadline > core.now() {
            return connection.set_timer(core, key);
        }
        if core.was_held_past(connection.deadline) && kind.is_heard() {
            // Bytes that came in time may wait unheard behind this: the client's time begins anew.
            if is_of_websocket(kind) {
                connection.since = core.now();
            } else if is_of_beginning(kind) {
                connection.idle_since = core.now();
            }
            let anew = core.now() + self.settings.first_look(kind);
            let anew = connection.bounded(kind, anew, &self.settings);
            if anew > core.now() {
                return connection.put_deadline(core, key, anew);
            }
        }
        if kind == Deadline::Write && !self.is_stalled(core, key) {
            return;
        }
        if kind == Deadline::Gone && !self.is_waited_for(key) {
            // The answer has begun and ends by itself; it is looked at again if it turns out otherwise.
            if let Some(connection) = self.table.get(key) {
                connection.deadline_of = None;
            }
            return self.set_deadline(core, key);
        }
        if kind == Deadline::Idle && !self.may_close_now(core, key) {
            return;
        }
        if kind == Deadline::Body && self.holds_body_up(key) {
            if let Some(connection) = self.table.get(key) {
                let anew = core.now() + self.settings.first_look(kind);
                connection.put_deadline(core, key, anew);
            }
            return;
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.deadline_of = None;
        if kind == Deadline::CloseFrame {
            connection.patience = connection.patience.max(Patience::UntilSent);
        }
        let is_untaken = kind == Deadline::Dismissal
            && connection.patience == Patience::InAll
            && connection.wire.state() == State::Closed;
        let is_unsent =
            matches!(kind, Deadline::Write | Deadline::Dismissal) && !connection.is_flushed();
        if is_unsent || is_untaken {
            connection.aborted = true;
            connection.patience = Patience::Over;
        }
        connection.aborted |= matches!(
            kind,
            Deadline::Write
                | Deadline::Head
                | Deadline::Body
                | Deadline::Message
                | Deadline::CloseFrame
        );
        let event = match kind {
            Deadline::Write => Event::WriteStalled,
            Deadline::Handshake => {
                self.handshake_timed_out(core, key);
                Event::Gone
            }
            Deadline::Gone | Deadline::Dismissal => Event::Gone,
            Deadline::ProxyHeader => {
                self.header_timed_out(core, key);
                return self.settle(core, key);
            }
            Deadline::Head | Deadline::Body | Deadline::Idle | Deadline::Linger => {
                Event::DeadlinePassed
            }
            Deadline::Quiet | Deadline::Pong | Deadline::Message => Event::DeadlinePassed,
            Deadline::CloseFrame | Deadline::Tunnel | Deadline::Streams => Event::DeadlinePassed,
        };
        self.because(cause(kind));
        self.on(core, key, event);
        self.because(None);
        self.settle(core, key);
    }

    /// Whether it is the server that the body of a request waits for: its handler is behind, so that nothing is received,
    /// or the client waits for a `100 Continue` that nobody has asked for. How long that lasts is the business of the
    /// handler or of the gate. A client that is held to be gone sends no more, and its time goes on.
    fn holds_body_up(&mut self, key: ConnectionKey) -> bool {
        let takes_end = self.settings.half_close == HalfClose::Gone;
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        let arrives = matches!(
            connection.wire.state(),
            State::Receiving | State::StreamingReceiving
        );
        if !arrives || connection.eof || (takes_end && connection.has_ended()) {
            return false;
        }
        let receives = matches!(connection.receive, Receive::On(_));
        !receives
            || self
                .exchange_of(key)
                .and_then(|exchange| exchange.upload.as_ref())
                .is_some_and(|upload| upload.awaits_continue)
    }
}

/// The reason that the access log gives for a request that ends by this limit.
pub(super) fn cause(deadline: Deadline) -> Option<&'static str> {
    match deadline {
        Deadline::Head => Some("head-timeout"),
        Deadline::Body => Some("body-timeout"),
        Deadline::Write | Deadline::Dismissal => Some("write-timeout"),
        Deadline::Quiet | Deadline::Pong | Deadline::Message | Deadline::CloseFrame => {
            Some("websocket-timeout")
        }
        Deadline::Tunnel => Some("tunnel-timeout"),
        // The client has gone, or no request is there.
        Deadline::Gone | Deadline::Idle | Deadline::Linger | Deadline::Handshake => None,
        Deadline::Streams | Deadline::ProxyHeader => None,
    }
}

/// Whether this is the time of a WebSocket's client to say something, which counts from [`Connection::since`]: what the
/// server sends meanwhile changes nothing.
#[inline]
const fn is_of_websocket(deadline: Deadline) -> bool {
    matches!(
        deadline,
        Deadline::Quiet | Deadline::Pong | Deadline::Message
    )
}

/// Whether this is the time of a client to begin, which counts from the accept, or from the end of what came before.
#[inline]
const fn is_of_beginning(deadline: Deadline) -> bool {
    matches!(deadline, Deadline::Handshake | Deadline::ProxyHeader)
}

impl Connection {
    /// Sets the deadline that is in force now. A deadline that is in force already goes on, but that
    /// of a body, of lingering or of a tunnel begins anew: every event there is progress. That of a WebSocket is put where
    /// it belongs by now.
    #[inline]
    pub(super) fn set_deadline(&mut self, core: &Core, key: ConnectionKey, settings: &Settings) {
        let sending = !self.is_flushed();
        let mut kind = self.wire.state().deadline(sending, false);
        if kind.is_none() && self.has_ended() && settings.half_close == HalfClose::Gone {
            kind = self.wire.state().deadline(sending, true);
        }
        if let Some(limit) = self.transport.limit() {
            // The handshake has one limit, whatever it waits for, and so has the header of a proxy.
            kind = kind.map(|_| limit);
        }
        if self.is_dismissed(sending) {
            kind = kind.map(|_| Deadline::Dismissal);
        }
        let renews = matches!(
            kind,
            Some(
                Deadline::Body
                    | Deadline::Linger
                    | Deadline::Tunnel
                    | Deadline::Quiet
                    | Deadline::Pong
                    | Deadline::Message
            )
        );
        if kind == self.deadline_of && !renews {
            return;
        }
        self.deadline_of = kind;
        let Some(kind) = kind else {
            self.deadline = Moment::NEVER;
            return;
        };
        let deadline = core.now() + settings.first_look(kind);
        self.put_deadline(core, key, self.bounded(kind, deadline, settings));
    }

    /// Sets this deadline, which is the one of the state, unless it is in force already. For those who know the state:
    /// it is what [`Connection::set_deadline`] comes to. Neither lingering nor what begins anew at each event.
    #[inline]
    pub(super) fn begin_deadline(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        kind: Deadline,
        settings: &Settings,
    ) {
        debug_assert_eq!(
            self.wire.state().deadline(!self.is_flushed(), false),
            Some(kind)
        );
        if self.deadline_of != Some(kind) {
            self.deadline_of = Some(kind);
            self.put_deadline(core, key, core.now() + settings.first_look(kind));
        }
    }

    /// The deadline of lingering is bounded by the time that is lingered in all, those of a WebSocket count from what
    /// its client did last, and those of a handshake and of a proxy's header from its beginning.
    #[inline]
    pub(super) fn bounded(&self, kind: Deadline, deadline: Moment, settings: &Settings) -> Moment {
        match kind {
            // The answer was out when the connection would have been idle.
            Deadline::Linger => deadline.min(self.idle_since + settings.linger_time),
            Deadline::Head | Deadline::Body | Deadline::Write | Deadline::Idle => deadline,
            Deadline::Quiet | Deadline::Pong | Deadline::Message => {
                self.since + settings.timeout(kind)
            }
            // Also where a drain has set the end of an idle connection meanwhile, and where it has moved.
            Deadline::Handshake | Deadline::ProxyHeader => {
                deadline.min(self.idle_since + settings.timeout(kind))
            }
            Deadline::Gone | Deadline::CloseFrame | Deadline::Tunnel => deadline,
            Deadline::Streams | Deadline::Dismissal => deadline,
        }
    }

    /// The wait that is in force began elsewhere, and ends at this deadline, which is before the one in force.
    pub(super) fn wait_on(&mut self, core: &Core, key: ConnectionKey, deadline: Moment) {
        if self.deadline_of.is_some_and(is_of_websocket) {
            let passed = (self.deadline - deadline).as_nanos() as u64;
            self.since = Moment::from_nanos(self.since.as_nanos().saturating_sub(passed));
        }
        self.put_deadline(core, key, deadline);
    }

    /// Whether the client has one time for all that is left.
    #[inline]
    fn is_dismissed(&self, sending: bool) -> bool {
        match self.patience {
            Patience::AsItTakes => false,
            Patience::UntilSent => sending,
            Patience::InAll | Patience::Over => true,
        }
    }

    /// Puts the deadline in force elsewhere. A timer that fires too early looks again; one that would
    /// fire too late is set anew.
    #[inline]
    pub(super) fn put_deadline(&mut self, core: &Core, key: ConnectionKey, deadline: Moment) {
        self.deadline = deadline;
        if self.timer.is_none_or(|(_, at)| at > deadline) {
            self.set_timer(core, key);
        }
    }

    /// Sets the timer of the deadline in force, in the place of an earlier one.
    #[cold]
    fn set_timer(&mut self, core: &Core, key: ConnectionKey) {
        if let Some((timer, _)) = self.timer {
            core.cancel_timer(timer);
        }
        let timer = core.set_timer(self.deadline, Subject::Deadline(key).to_key());
        self.timer = Some((timer, self.deadline));
    }
}
