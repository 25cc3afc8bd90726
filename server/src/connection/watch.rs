//! Clients that go away. A client that has ended its side is held to be gone (`half_close = "gone"`), since proxies
//! and browsers that give up say no more than that. While its request waits at the gate, the request ends at once;
//! while it runs, a moment later ([`Deadline::Gone`]), so that a handler that is nearly done, which nobody can tell
//! from another, still answers. An answer that is ready is sent, and so is an answer of known length that has
//! begun. With `half_close = "serve"` only a reset, or the close of both sides of a Unix socket, is a reason.
//!
//! [`Deadline::Gone`]: crate::http1::exchange::Deadline::Gone
//!
//! While a connection receives, the receive tells. While receiving is paused because enough bytes
//! wait unread, a poll for POLLRDHUP (poll(2)) tells instead, which sees the end behind those bytes;
//! behind the end of the client's side, a poll for nothing, which sees a reset.

use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::table::Receive;
use crate::config::HalfClose;
use crate::http1::exchange::{Event, State};
use ringgate_runtime::{Core, Errno};
use std::rc::Rc;

/// poll(2) flags, the same on every architecture but SPARC.
const POLLERR: u32 = 0x8;
const POLLHUP: u32 = 0x10;
const POLLRDHUP: u32 = 0x2000;

impl Engine {
    /// The client ended its side of the connection.
    pub(super) fn on_peer_ended(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if self.settings.half_close == HalfClose::Gone && self.waits_at_gate(key) {
            self.on(core, key, Event::Gone);
            return;
        }
        if !self.reads_later(core, key) {
            self.on(core, key, Event::PeerEof);
        }
        self.watch_peer(core, key);
    }

    /// Whether a connection or its request waits at the gate.
    fn waits_at_gate(&mut self, key: ConnectionKey) -> bool {
        match self.exchange_of(key) {
            Some(exchange) => exchange.waiting.is_some(),
            None => self.arrivals.contains_key(&key),
        }
    }

    /// Whether somebody works or waits for the client of a connection, which may be long.
    pub(super) fn is_waited_for(&mut self, key: ConnectionKey) -> bool {
        let state = self.state_of(key);
        let Some(exchange) = self.exchange_of(key) else {
            return self.arrivals.contains_key(&key);
        };
        match &exchange.stream {
            Some(stream) => stream.left.is_none(),
            // A body that is cut short is answered as such.
            None if state == Some(State::Receiving) => exchange.waiting.is_some(),
            None => exchange.waiting.is_some() || exchange.task.is_some(),
        }
    }

    /// Watches the peer of a connection that does not receive.
    pub(super) fn watch_peer(&mut self, core: &Core, key: ConnectionKey) {
        let arrives = self.arrivals.contains_key(&key);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let is_upgraded = matches!(connection.wire.state(), State::Upgraded(_));
        let waits = arrives || is_upgraded || connection.exchange.is_some();
        if connection.watch == Receive::Off && waits {
            let events = match connection.eof || connection.ends {
                true => 0,
                false => POLLRDHUP,
            };
            let key = Subject::Watch(key).to_key();
            connection.watch = Receive::On(core.poll(&connection.socket, events, key));
        }
    }

    /// The receive tells again, or the connection ends.
    pub(super) fn stop_watching(&mut self, core: &Core, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if let Receive::On(poll) = connection.watch {
            connection.watch = Receive::Ending(poll);
            core.cancel(poll);
        }
    }

    pub(super) fn on_watched(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        result: Result<u32, Errno>,
        more: bool,
    ) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if !more {
            connection.watch = Receive::Off;
        }
        let waits = self.waits_at_gate(key);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        match result {
            // The answer has nowhere to go.
            Ok(events) if events & (POLLERR | POLLHUP) != 0 => {
                self.on(core, key, Event::Gone);
            }
            Ok(events) if events & POLLRDHUP != 0 => {
                connection.ends = true;
                if waits && self.settings.half_close == HalfClose::Gone {
                    self.on(core, key, Event::Gone);
                } else {
                    self.watch_peer(core, key);
                }
            }
            // Bytes come before the end that a receive will tell; or the poll was taken back.
            Ok(_) | Err(_) => {}
        }
        self.settle(core, key);
        if !more {
            self.on_watch_ended(core, key);
        }
    }

    fn on_watch_ended(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.wire.state() == State::Closed {
            return self.close_when_quiet(core, key);
        }
        if self.go_on_moving_out(core, key) {
            return;
        }
        // Receiving may be paused anew, since before the end of this poll no other could begin.
        self.regulate(core, key);
        // The connection may have had to stay because of the poll.
        self.follow_course(core, key);
    }
}
