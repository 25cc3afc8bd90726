//! A connection, or a stream of one, on which a handler speaks a protocol of its own: its bytes go to the handler's task
//! and come from it, as far as either has room. The task ends it by ending, and is dropped when it ends first.

use super::Upgrade;
use crate::connection::STREAM_AHEAD_BYTES;
use crate::connection::engine::Engine;
use crate::connection::key::{ConnectionKey, Speaker};
use crate::connection::table::Unread;
use crate::handler::{Pipe, Speaking, Times};
use crate::http1::exchange::{Deadline, Event, State};
use ringgate_runtime::Core;
use ringgate_runtime::task::{TaskId, catch_unwind};
use std::cell::RefCell;
use std::rc::Rc;

/// Tunnels whose handler wrote, read or ended outside of the engine.
#[derive(Default)]
pub(crate) struct Calls {
    of: RefCell<Vec<Speaker>>,
}

impl Calls {
    pub(crate) fn call(&self, by: Speaker) {
        let mut of = self.of.borrow_mut();
        if of.last() != Some(&by) {
            of.push(by);
        }
    }

    #[inline]
    pub(in crate::connection) fn is_empty(&self) -> bool {
        self.of.borrow().is_empty()
    }

    fn take(&self) -> Vec<Speaker> {
        self.of.take()
    }
}

/// A tunnel and the task that speaks on it.
pub(in crate::connection) struct Tunnel {
    pub(super) pipe: Rc<Pipe>,
    task: TaskId,
}

impl Tunnel {
    /// Tells the handler that the connection is gone, and drops it.
    pub(super) fn cancel(self, core: &Core) {
        self.pipe.is_gone();
        core.cancel_task(self.task);
    }

    pub(super) fn end_input(&self) {
        self.pipe.end();
    }

    pub(super) fn drain(&self) {
        self.pipe.drain();
    }

    /// Gives received bytes to the handler, as many as it has room for.
    pub(super) fn fill(&self, core: &Core, unread: &mut Unread) {
        loop {
            let count = unread.as_slice().len().min(self.pipe.room());
            if count == 0 {
                break;
            }
            self.pipe.push(unread.split(count).for_handler(core));
        }
        if unread.is_empty() {
            *unread = Unread::None;
        }
    }
}

impl Engine {
    /// The handler begins to speak.
    pub(super) fn begin_tunnel(
        &mut self,
        core: &Rc<Core>,
        of: Speaker,
        speaking: Speaking,
    ) -> Tunnel {
        let pipe = speaking.pipe;
        let settings = &self.settings;
        let times = Times {
            limits: settings.websocket,
            ping: settings.timeout(Deadline::Quiet),
            pong: settings.timeout(Deadline::Pong),
            message: settings.timeout(Deadline::Message),
            close: settings.timeout(Deadline::CloseFrame),
        };
        pipe.begin(self.upgrades.calls.clone(), of, times);
        let task = core.start(async move {
            if let Err(panic) = catch_unwind(speaking.future).await {
                tracing::error!(
                    panic = panic.message(),
                    "the handler of a tunnel panicked; its connection ends"
                );
            }
        });
        Tunnel { pipe, task }
    }

    /// Gives received bytes to the handler, as many as it has room for.
    pub(super) fn fill_tunnel(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let Some((Upgrade::Tunnel(tunnel), _)) = self.upgrades.at(key) else {
            return;
        };
        tunnel.fill(core, &mut connection.unread);
    }

    /// Queues what the handler wrote, as far as there is room; it may be done.
    pub(super) fn empty_tunnel(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let Some((Upgrade::Tunnel(tunnel), _)) = self.upgrades.at(key) else {
            return;
        };
        if connection.transport.is_worn() {
            // Its key may soon seal no more: the client has to connect again, and is to be told so before.
            tunnel.drain();
        }
        let output = &mut connection.output;
        while output.queued < STREAM_AHEAD_BYTES
            && let Some(bytes) = tunnel.pipe.pop()
        {
            output.add(&mut self.buffers, bytes);
        }
        let is_quiet = output.queued == 0 && output.in_flight.is_none();
        tunnel
            .pipe
            .tell_unsent(if is_quiet { 0 } else { output.queued.max(1) });
        let is_over = tunnel.pipe.is_over();
        if is_over && matches!(connection.wire.state(), State::Upgraded(_)) {
            self.on(core, key, Event::UpgradeOver);
        }
    }

    /// Looks after the connections whose handlers did something, and those for which events or messages wait.
    pub(in crate::connection) fn take_up_calls(&mut self, core: &Rc<Core>) {
        for of in self.upgrades.calls.take() {
            let key = match of {
                Speaker::Connection(key) => key,
                Speaker::Stream(request) => {
                    self.speak_on_stream(core, request);
                    self.settle_speaker(core, of);
                    continue;
                }
            };
            let has_unread = match self.table.get(key) {
                Some(connection) => !connection.unread.is_empty(),
                None => continue,
            };
            if has_unread {
                self.advance(core, key);
            }
            self.empty_tunnel(core, key);
            self.regulate(core, key);
            self.settle(core, key);
        }
        if self.upgrades.outside.take() {
            if self.upgrades.feeds.are_due() {
                self.broadcast(core);
            }
            if self.upgrades.lines.are_due() {
                self.answer_bell(core);
            }
            let is_due = self.upgrades.feeds.are_due() || self.upgrades.lines.are_due();
            self.upgrades.outside.set(is_due);
        }
    }
}
