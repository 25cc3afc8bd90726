//! Looks behind received bytes. When bytes and a reset come to a socket nearly at once, the kernel may
//! give the bytes to an armed multishot receive and never tell it of the reset; so do closed Unix
//! sockets (Linux 6.12 to 7.3 at least). A connection that waits for the rest of a head or of a body,
//! for the gate or for a handler, would then wait until a time limit passes, and one whose streams of HTTP/2 wait for
//! a handler has none.
//!
//! So a connection that waits after bytes came is looked at once more, a moment later; all that are
//! due share one system call. A connection whose socket is found broken twice, a moment apart and
//! without a word from its receive, is over. A request that is answered at once is never looked at, and
//! a core on which nobody waits sets no timer.
//!
//! In the same way a connection is looked at that is to be closed once its client has taken what was sent.
//!
//! Called by `read.rs` when bytes came, by `close.rs`, and by the engine when the timer fires. While receiving is
//! paused a poll watches instead (`watch.rs`).

use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::table::Receive;
use crate::http1::exchange::{Event, State};
use crate::http1::upgraded::Phase;
use ringgate_runtime::Core;
use std::rc::Rc;
use std::time::Duration;

/// From the bytes to the look, and from the first look to the second.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that are to be looked at, all of them when the timer fires.
#[derive(Default)]
pub(super) struct Looks {
    due: Vec<Due>,
}

struct Due {
    key: ConnectionKey,
    /// Whether the look before this one found the socket broken.
    was_broken: bool,
}

impl Engine {
    /// Bytes came: if their connection waits now, it is to be looked at.
    #[inline]
    pub(super) fn look_later(&mut self, core: &Core, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.is_due || !may_wait(connection.wire.state()) {
            return;
        }
        connection.is_due = true;
        self.is_to_be_looked_at(
            core,
            Due {
                key,
                was_broken: false,
            },
        );
    }

    /// The connection is to be closed, and its client has yet to take what was sent: that is asked again a moment later.
    pub(super) fn close_later(&mut self, core: &Core, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key)
            && !std::mem::replace(&mut connection.is_due, true)
        {
            let was_broken = false;
            self.is_to_be_looked_at(core, Due { key, was_broken });
        }
    }

    fn is_to_be_looked_at(&mut self, core: &Core, due: Due) {
        if self.looks.due.is_empty() {
            core.set_timer(core.now() + PAUSE, Subject::Look.to_key());
        }
        self.looks.due.push(due);
    }

    /// Looks at every connection that is due.
    pub(super) fn look(&mut self, core: &Rc<Core>) {
        let mut due = std::mem::take(&mut self.looks.due);
        let mut closed = Vec::new();
        // Only an armed receive can have been told nothing; another tells by itself, or a poll does.
        due.retain(|due| {
            self.table.get(due.key).is_some_and(|connection| {
                connection.is_due = false;
                let state = connection.wire.state();
                if state == State::Closed {
                    closed.push(due.key);
                }
                matches!(connection.receive, Receive::On(_)) && may_wait(state)
            })
        });
        for key in closed {
            self.close_when_quiet(core, key);
        }
        let sockets = due.iter().filter_map(|due| self.table.socket(due.key));
        let looks = core.look_at(sockets);
        for (due, look) in due.into_iter().zip(looks) {
            if !look.reset {
                continue;
            }
            if due.was_broken {
                self.on(core, due.key, Event::Gone);
                self.settle(core, due.key);
            } else if let Some(connection) = self.table.get(due.key) {
                connection.is_due = true;
                self.is_to_be_looked_at(
                    core,
                    Due {
                        key: due.key,
                        was_broken: true,
                    },
                );
            }
        }
    }
}

/// Whether somebody waits on a connection in this state for its client or for a handler.
#[inline]
const fn may_wait(state: State) -> bool {
    match state {
        State::Head | State::Receiving | State::Running => true,
        State::StreamingReceiving | State::Streaming => true,
        // The limit of an idle connection frees no slot; a send tells of a reset.
        State::Idle | State::WritingUnread(_) | State::Writing(_) => false,
        // Nothing is sent while a handler thinks, or while its client may be silent for as long as it likes.
        State::Upgraded(Phase::Streams | Phase::Bytes) => true,
        // Without a stream it is as an idle one; a WebSocket that is quiet is asked.
        State::Upgraded(
            Phase::Rest
            | Phase::Open
            | Phase::Owing
            | Phase::Asked
            | Phase::InMessage
            | Phase::Closing,
        ) => false,
        State::Discarding | State::Lingering | State::Closing | State::Closed => false,
    }
}
