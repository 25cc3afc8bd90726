//! Accepting in the stead of a core that is stuck. Its multishot accept cannot be cancelled from
//! outside and goes on swallowing wake-ups, so a second accept on its listener would hang with
//! connections in the queue. A poll that is not exclusive hears of every one; on each event and on a
//! tick, whatever is queued is accepted without blocking.
//!
//! Called by the engine for [`Message::Help`](super::Message::Help). The helper does not know which
//! core is stuck, and takes no baton: the listener still has its one owner, which may wake up at
//! any time.

use super::engine::Engine;
use super::key::Subject;
use super::listener::{Fresh, ListenerId, ListenerSeat, Socket};
use ringgate_runtime::sys::listener::accept_nonblocking;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Descriptor, Errno, OpId};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

/// How often to look without a sign.
const HELP_TICK: Duration = Duration::from_millis(100);
/// Connections accepted of a listener at a time; what is left is taken in the next turn.
const ACCEPTS_PER_HELP_MAX: u32 = 64;
/// poll(2) POLLIN, on every architecture.
const POLL_IN: u32 = 1;

struct Helped {
    seat: ListenerSeat,
    poll: Option<OpId>,
}

/// The listeners this core helps at.
#[derive(Default)]
pub(super) struct Helping {
    helped: Vec<Helped>,
    tick: Option<TimerId>,
}

impl Helping {
    fn find(&mut self, id: ListenerId) -> Option<&mut Helped> {
        self.helped.iter_mut().find(|helped| helped.seat.id == id)
    }

    /// The opening of a listener has changed.
    pub(super) fn reseat(&mut self, seat: &ListenerSeat) {
        if let Some(helped) = self.find(seat.id) {
            helped.seat = seat.clone();
        }
    }
}

impl Engine {
    pub(super) fn help(&mut self, core: &Rc<Core>, seat: ListenerSeat) {
        let id = seat.id;
        if self.helping.find(id).is_some() || !self.is_serving() {
            return;
        }
        self.helping.helped.push(Helped { seat, poll: None });
        self.help_at(core, id);
        self.tick_soon(core, HELP_TICK);
    }

    pub(super) fn unhelp(&mut self, core: &Core, id: ListenerId) {
        let place = self.helping.helped.iter().position(|h| h.seat.id == id);
        let Some(place) = place else {
            return;
        };
        if let Some(poll) = self.helping.helped.swap_remove(place).poll {
            core.cancel(poll);
        }
    }

    /// There are connections, or the poll is over.
    pub(super) fn on_help_wanted(&mut self, core: &Rc<Core>, id: ListenerId, more: bool) {
        if let Some(helped) = self.helping.find(id) {
            if !more {
                helped.poll = None;
            }
            self.help_at(core, id);
        }
    }

    /// The tick.
    pub(super) fn help_everywhere(&mut self, core: &Rc<Core>) {
        self.helping.tick = None;
        let helped: Vec<ListenerId> = self.helping.helped.iter().map(|h| h.seat.id).collect();
        for id in &helped {
            self.help_at(core, *id);
        }
        if !helped.is_empty() {
            self.tick_soon(core, HELP_TICK);
        }
    }

    fn tick_soon(&mut self, core: &Core, after: Duration) {
        if let Some(tick) = self.helping.tick.take() {
            core.cancel_timer(tick);
        }
        let tick = core.set_timer(core.now() + after, Subject::Tick.to_key());
        self.helping.tick = Some(tick);
    }

    fn help_at(&mut self, core: &Rc<Core>, id: ListenerId) {
        let Some(helped) = self.helping.find(id) else {
            return;
        };
        let Socket::Real(socket) = &helped.seat.socket else {
            return;
        };
        let socket = socket.clone();
        let opening = helped.seat.opening;
        if helped.poll.is_none() {
            helped.poll = Some(core.poll(&*socket, POLL_IN, Subject::Help(id.0).to_key()));
        }
        for _ in 0..ACCEPTS_PER_HELP_MAX {
            if self.is_full() {
                return;
            }
            match accept_nonblocking(socket.as_fd()) {
                Ok(Some(connection)) => {
                    let key = self.begin(
                        core,
                        Fresh {
                            socket: Descriptor::from(connection),
                            listener: id,
                            opening,
                        },
                    );
                    if !self.is_serving() {
                        self.follow_course(core, key);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    let errno = ringgate_runtime::sys::errno(&error);
                    return self.on_accept_error(core, id, Errno(errno.unwrap_or_default()));
                }
            }
        }
        self.tick_soon(core, Duration::ZERO);
    }
}
