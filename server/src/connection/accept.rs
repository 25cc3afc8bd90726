//! Step one: connections come in. A listener has one owner at any instant, whoever holds its
//! baton: the owner's multishot accept takes what arrives. Giving it up means cancelling and
//! serving what came until the last completion; only then is it somebody else's.

use super::accept_error::AcceptError;
use super::engine::{Engine, Report};
use super::key::{ConnectionKey, Subject};
use super::pause::Pauses;
use super::table::Connection;
use crate::observe::log::limited;
use ringgate_runtime::{Core, Descriptor, Errno, OpId};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// As many connections as a listener's queue may bring in one turn (net.core.somaxconn).
pub(crate) const ACCEPT_BURST: usize = 4096;
/// How often to look for room that another core's connections made.
const ROOM_GLANCE: Duration = Duration::from_millis(50);

/// Names a listener of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ListenerId(pub(crate) u32);

impl ListenerId {
    /// No listener of this process: that of an older process which this one does not listen on.
    pub(crate) const ELSEWHERE: ListenerId = ListenerId(u32::MAX);

    /// The listener whose accept has this key.
    pub(crate) fn of_accept(key: u64) -> ListenerId {
        match Subject::from_key(key) {
            Some(Subject::Accept(listener)) => ListenerId(listener),
            _ => ListenerId::ELSEWHERE,
        }
    }
}

/// A connection that was accepted and not read from, and the listener that it came in by.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) socket: Descriptor,
    pub(crate) listener: ListenerId,
}

/// A listener as its owner gets it. The process keeps it open to the end.
#[derive(Debug, Clone)]
pub(crate) struct ListenerSeat {
    pub(crate) id: ListenerId,
    pub(crate) socket: Socket,
    /// Several cores accept on it (a Unix socket, an inherited descriptor): one by one, since the
    /// first multishot accept would take all.
    pub(crate) shared: bool,
}

/// The socket of a listener.
#[derive(Debug, Clone)]
pub(crate) enum Socket {
    /// The process's.
    Real(Arc<OwnedFd>),
    /// One of a simulated world.
    Simulated(RawFd),
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Socket::Real(socket) => socket.as_raw_fd(),
            Socket::Simulated(number) => *number,
        }
    }
}

impl ListenerSeat {
    pub(crate) fn simulated(id: ListenerId, listener: &Descriptor) -> ListenerSeat {
        ListenerSeat {
            id,
            socket: Socket::Simulated(listener.as_raw_fd()),
            shared: false,
        }
    }
}

struct Owned {
    seat: ListenerSeat,
    accept: Option<OpId>,
    leaving: bool,
}

/// The listeners this core owns.
#[derive(Default)]
pub(super) struct Listeners {
    owned: Vec<Owned>,
    pauses: Pauses,
    /// Whether accepting pauses for want of room in the process.
    lacks_room: bool,
}

impl Listeners {
    pub(super) fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    fn find(&mut self, id: ListenerId) -> Option<&mut Owned> {
        self.owned.iter_mut().find(|owned| owned.seat.id == id)
    }
}

impl Engine {
    pub(super) fn arm(&mut self, core: &Rc<Core>, seat: ListenerSeat) {
        let id = seat.id;
        self.listeners.owned.push(Owned {
            seat,
            accept: None,
            leaving: false,
        });
        self.accept_on(core, id);
    }

    fn accept_on(&mut self, core: &Core, id: ListenerId) {
        if self.listeners.pauses.is_paused() || !self.intake.is_empty() {
            return;
        }
        if self.headroom.is_full(0) {
            return self.pause_for_room(core);
        }
        if self.is_full() {
            return;
        }
        let one_by_one = self.is_nearly_full();
        let Some(owned) = self.listeners.find(id) else {
            return;
        };
        if owned.leaving || owned.accept.is_some() {
            return;
        }
        let key = Subject::Accept(id.0).to_key();
        owned.accept = Some(match owned.seat.shared || one_by_one {
            true => core.accept_one(&owned.seat.socket, key),
            false => core.accept(&owned.seat.socket, key),
        });
    }

    pub(super) fn disarm(&mut self, core: &Core, id: ListenerId) {
        let Some(owned) = self.listeners.find(id) else {
            return self.post.to_coordinator(Report::Disarmed(self.index, id));
        };
        owned.leaving = true;
        match owned.accept {
            Some(accept) => core.cancel(accept),
            None => self.pass_on(id),
        }
    }

    fn pass_on(&mut self, id: ListenerId) {
        self.listeners.owned.retain(|owned| owned.seat.id != id);
        self.post.to_coordinator(Report::Disarmed(self.index, id));
    }

    /// Whether `max_connections` is reached (row M10, docs/seeds.md), or so many connections are
    /// being refused that no more are to be taken for that.
    pub(super) fn is_full(&self) -> bool {
        let max = self.settings.max_connections;
        max.is_some_and(|max| (self.table.len() + self.intake.len()) as u64 >= u64::from(max.get()))
            || self.refuses_too_many()
            || self.headroom.is_full(self.intake.len())
    }

    /// Whether a multishot accept could bring more connections at once than there is room for.
    fn is_nearly_full(&self) -> bool {
        let max = self.settings.max_connections;
        max.is_some_and(|max| self.table.len() + ACCEPT_BURST >= max.get() as usize)
            || self.headroom.is_nearly_full()
    }

    fn refuses_too_many(&self) -> bool {
        let most = self.settings.rejections;
        most.is_some_and(|most| self.rejecting >= u64::from(most.get()))
    }

    /// One more connection is being refused: accepting pauses if that is as many as may be.
    pub(super) fn pause_if_full(&mut self, core: &Core) {
        if !self.refuses_too_many() {
            return;
        }
        self.stats.rejection_pauses.add(1);
        for accept in self.listeners.owned.iter().filter_map(|owned| owned.accept) {
            core.cancel(accept);
        }
    }

    #[inline]
    pub(super) fn on_accepted(
        &mut self,
        core: &Rc<Core>,
        id: ListenerId,
        result: Result<Descriptor, Errno>,
        more: bool,
    ) {
        match result {
            Ok(socket) => {
                self.listeners.pauses.succeeded();
                self.listeners.lacks_room = false;
                let listener = id;
                self.take_in(core, Fresh { socket, listener });
            }
            Err(errno) => self.on_accept_error(core, id, errno),
        }
        let full = self.is_full() || self.is_nearly_full() || !self.intake.is_empty();
        let Some(owned) = self.listeners.find(id) else {
            return;
        };
        if more {
            if full && let Some(accept) = owned.accept {
                core.cancel(accept);
            }
            return;
        }
        owned.accept = None;
        match owned.leaving {
            true => self.pass_on(id),
            false => self.accept_on(core, id),
        }
    }

    /// Serves a connection that another thread accepted.
    pub(super) fn adopt(&mut self, core: &Rc<Core>, fresh: Fresh) {
        let key = self.begin(core, fresh);
        self.follow_course(core, key);
    }

    pub(super) fn begin(&mut self, core: &Rc<Core>, fresh: Fresh) -> ConnectionKey {
        let key = self.seat(Connection::new(fresh, core.now()));
        self.stats.accepted.add(1);
        self.wear();
        self.arrive(core, key);
        key
    }

    /// Serves a connection that this core accepted.
    pub(super) fn begin_here(&mut self, core: &Rc<Core>, fresh: Fresh) {
        let key = self.begin(core, fresh);
        // A core that was stuck leaves with its accept still armed.
        if !self.is_serving() {
            self.follow_course(core, key);
        }
    }

    /// An accept at this listener has failed.
    pub(super) fn on_accept_error(&mut self, core: &Rc<Core>, id: ListenerId, errno: Errno) {
        match AcceptError::of(errno) {
            AcceptError::Cancelled | AcceptError::Connection => {}
            AcceptError::NonBlocking => self.make_blocking(core, id),
            // What arrives waits in the kernel's queue.
            AcceptError::Exhausted => {
                self.pause_for_want(core);
                limited!(
                    self.log,
                    core.now().as_nanos(),
                    warn,
                    "accept",
                    error = %errno,
                    "accepting pauses; raise the limit of open files (LimitNOFILE= in the unit) or lower max_connections"
                );
            }
            AcceptError::Other => {
                self.pause_for_want(core);
                limited!(
                    self.log,
                    core.now().as_nanos(),
                    warn,
                    "accept",
                    error = %errno,
                    "accepting pauses: the kernel refuses it"
                );
            }
        }
    }

    /// Waits for descriptors or memory (row H8, docs/seeds.md).
    fn pause_for_want(&mut self, core: &Core) {
        let pauses = &mut self.listeners.pauses;
        if !pauses.is_paused() {
            let until = core.now() + pauses.next();
            pauses.begin(core.set_timer(until, Subject::ResumeAccept.to_key()));
            self.stats.accept_pauses.add(1);
        }
    }

    /// Waits for room in the process: another core's connections may make it. Accepts that are in flight
    /// would bring more than there is room for.
    fn pause_for_room(&mut self, core: &Core) {
        let until = core.now() + ROOM_GLANCE;
        let timer = core.set_timer(until, Subject::ResumeAccept.to_key());
        self.listeners.pauses.begin(timer);
        for accept in self.listeners.owned.iter().filter_map(|owned| owned.accept) {
            core.cancel(accept);
        }
        if !std::mem::replace(&mut self.listeners.lacks_room, true) {
            self.stats.accept_pauses.add(1);
        }
        limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            "room",
            "accepting pauses: there is no room for more connections, and the other descriptors are kept \
             for the server's own needs; raise the limit of open files (LimitNOFILE= in the unit)"
        );
    }

    /// Somebody who shares the listener made it non-blocking, so that an accept fails instead of waiting.
    fn make_blocking(&mut self, core: &Rc<Core>, id: ListenerId) {
        let Some(owned) = self.listeners.find(id) else {
            return;
        };
        if let Socket::Real(socket) = &owned.seat.socket
            && let Err(error) = rustix::io::ioctl_fionbio(socket, false)
        {
            self.on_accept_error(core, id, Errno(error.raw_os_error()));
        }
    }

    /// Counts an accepted connection towards the end of this core (row M7, docs/seeds.md).
    #[inline]
    fn wear(&mut self) {
        let Some(left) = &mut self.accepts else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.accepts = None;
            self.post.to_coordinator(Report::Worn(self.index));
        }
    }

    pub(super) fn resume_accepting(&mut self, core: &Rc<Core>) {
        self.listeners.pauses.end();
        self.accept_where_idle(core);
    }

    /// A connection of this core has closed: there is room for another.
    #[inline]
    pub(super) fn accept_in_its_place(&mut self, core: &Rc<Core>, was_full: bool) {
        if let Some(timer) = self.listeners.pauses.end() {
            core.cancel_timer(timer);
        } else if !was_full && self.settings.max_connections.is_none() {
            return;
        }
        self.accept_where_idle(core);
    }

    /// Arms every listener that has no accept in flight, after a pause or below
    /// `max_connections` again.
    pub(super) fn accept_where_idle(&mut self, core: &Rc<Core>) {
        let idle = self
            .listeners
            .owned
            .iter()
            .filter(|owned| owned.accept.is_none());
        let idle: Vec<ListenerId> = idle.map(|owned| owned.seat.id).collect();
        for id in idle {
            self.accept_on(core, id);
        }
    }
}
