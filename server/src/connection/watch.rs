//! Clients that go away. Whoever waits at the gate and ends its side, or resets, is gone at once and
//! gives its place up; with `half_close = "serve"` the end of its side is no reason. A request that
//! runs ends early on a reset only.
//!
//! While a connection receives, the receive tells. While receiving is paused because enough bytes
//! wait unread, a poll for POLLRDHUP (poll(2)) tells instead, which sees the end behind those bytes.

use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::table::Receive;
use crate::config::HalfClose;
use crate::http::exchange::{Event, State};
use ringgate_runtime::{Core, Errno};
use std::rc::Rc;

/// poll(2) flags, the same on every architecture but SPARC.
const POLLERR: u32 = 0x8;
const POLLHUP: u32 = 0x10;
const POLLRDHUP: u32 = 0x2000;

impl Engine {
    /// The client ended its side of the connection.
    pub(super) fn on_peer_ended(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let gone = self.settings.half_close == HalfClose::Gone;
        if gone && self.waits_at_gate(key) {
            self.on(core, key, Event::Gone);
            return;
        }
        self.on(core, key, Event::PeerEof);
    }

    /// Watches the peer of a connection whose receive pauses.
    pub(super) fn watch_peer(&mut self, core: &Core, key: ConnectionKey) {
        let arrives = self.arrivals.contains_key(&key);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let waits = arrives || connection.exchange.is_some();
        if connection.watch == Receive::Off && !connection.eof && waits {
            let key = Subject::Watch(key).to_key();
            connection.watch = Receive::On(core.poll(&connection.socket, POLLRDHUP, key));
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
        match result {
            // The answer has nowhere to go.
            Ok(events) if events & (POLLERR | POLLHUP) != 0 => {
                self.on(core, key, Event::Gone);
            }
            Ok(events) if events & POLLRDHUP != 0 && waits => {
                if self.settings.half_close == HalfClose::Gone {
                    self.on(core, key, Event::Gone);
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
        match connection.wire.state() {
            State::Closed => self.close_when_quiet(core, key),
            // It may have had to stay because of the poll.
            _ => self.follow_course(core, key),
        }
    }
}
