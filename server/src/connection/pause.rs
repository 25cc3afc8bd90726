//! When accepting rests: while the process lacks descriptors, memory or room (row H8, docs/seeds.md), at
//! `max_connections` (row M10), and while as many connections are being refused as may be. A connection that
//! arrives meanwhile waits in the kernel's queue.
//!
//! Called by `accept.rs` before an accept is armed and when one fails, and by `close.rs` and `transfer.rs`, since each
//! connection that closes makes room, and each that moves to another core makes it on this one. A pause ends at its time, or as soon as a connection of this core closes. Each pause
//! is twice as long as the one before: what is short may be the machine's, and each try costs it something.

use super::accept_error::AcceptError;
use super::engine::Engine;
use super::key::Subject;
use super::listener::{ListenerId, Socket};
use crate::observe::log::limited;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Errno};
use std::rc::Rc;
use std::time::Duration;

/// As many connections as a listener's queue may bring in one turn (net.core.somaxconn).
pub(crate) const ACCEPT_BURST: usize = 4096;
/// How often to look for room that another core's connections made.
const ROOM_GLANCE: Duration = Duration::from_millis(50);

/// The first pause.
const FIRST: Duration = Duration::from_millis(20);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(1);

/// The pauses of one core.
#[derive(Default)]
pub(super) struct Pauses {
    now: Option<TimerId>,
    before: Option<Duration>,
    /// Whether the pause is for want of room in the process.
    lacks_room: bool,
}

impl Pauses {
    pub(super) fn is_paused(&self) -> bool {
        self.now.is_some()
    }

    /// How long the pause is that begins.
    pub(super) fn next(&mut self) -> Duration {
        let next = match self.before {
            None => FIRST,
            Some(before) => LONGEST.min(before * 2),
        };
        self.before = Some(next);
        next
    }

    /// Begins the pause, which lasts until this timer.
    pub(super) fn begin(&mut self, until: TimerId) {
        self.now = Some(until);
    }

    /// Ends the pause. Returns its timer, which may have fired.
    pub(super) fn end(&mut self) -> Option<TimerId> {
        self.now.take()
    }

    /// A connection was accepted: the next pause is short again.
    #[inline]
    pub(super) fn succeeded(&mut self) {
        self.before = None;
        self.lacks_room = false;
    }
}

impl Engine {
    /// Whether `max_connections` is reached (row M10, docs/seeds.md), or so many connections are
    /// being refused that no more are to be taken for that.
    pub(super) fn is_full(&self) -> bool {
        self.has_all_it_may() || self.headroom.is_full(self.intake.len())
    }

    /// The same of this core alone, whatever room there is in the process. A connection of this core that closes changes
    /// it, so nobody has to look again; other cores make and take the room of the process at any moment, and who lacks
    /// that has to pause.
    pub(super) fn has_all_it_may(&self) -> bool {
        let max = self.settings.max_connections;
        max.is_some_and(|max| (self.table.len() + self.intake.len()) as u64 >= u64::from(max.get()))
            || self.refuses_too_many()
    }

    /// Whether one more connection is below `max_connections`.
    pub(super) fn has_place(&self) -> bool {
        let max = self.settings.max_connections;
        max.is_none_or(|max| (self.table.len() as u64) < u64::from(max.get()))
    }

    /// Whether a multishot accept could bring more connections at once than there is room for.
    pub(super) fn is_nearly_full(&self) -> bool {
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
        self.listeners.cancel_accepts(core);
    }

    /// An accept at this listener has failed.
    pub(super) fn on_accept_error(&mut self, core: &Rc<Core>, id: ListenerId, errno: Errno) {
        match AcceptError::of(errno) {
            AcceptError::Cancelled | AcceptError::Connection => {}
            AcceptError::NonBlocking => self.make_blocking(core, id),
            AcceptError::Exhausted => self.pause_for_want(
                core,
                errno,
                "raise the limit of open files (LimitNOFILE= in the unit) or lower max_connections",
            ),
            AcceptError::Other => self.pause_for_want(core, errno, "the kernel refuses it"),
        }
    }

    /// Waits for descriptors or memory (row H8, docs/seeds.md), and says why with the cure, if one is known.
    /// Connections that arrive wait in the kernel's queue.
    fn pause_for_want(&mut self, core: &Core, errno: Errno, why: &str) {
        let pauses = &mut self.listeners.pauses;
        if !pauses.is_paused() {
            let until = core.now() + pauses.next();
            pauses.begin(core.set_timer(until, Subject::ResumeAccept.to_key()));
            self.stats.accept_pauses.add(1);
        }
        limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            "accept",
            error = %errno,
            "accepting pauses: {why}"
        );
    }

    /// Waits for room in the process: another core's connections may make it. Accepts that are in flight
    /// would bring more than there is room for.
    pub(super) fn pause_for_room(&mut self, core: &Core) {
        let until = core.now() + ROOM_GLANCE;
        let timer = core.set_timer(until, Subject::ResumeAccept.to_key());
        self.listeners.pauses.begin(timer);
        self.listeners.cancel_accepts(core);
        if !std::mem::replace(&mut self.listeners.pauses.lacks_room, true) {
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
        let Some(seat) = self.listeners.seat(id) else {
            return;
        };
        if let Socket::Real(socket) = &seat.socket
            && let Err(error) = rustix::io::ioctl_fionbio(socket, false)
        {
            self.on_accept_error(core, id, Errno(error.raw_os_error()));
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

    /// A connection has moved to this core: it may have taken the last place.
    #[inline]
    pub(super) fn accept_no_more_than_fit(&mut self, core: &Core) {
        if self.settings.max_connections.is_some() && self.is_full() {
            self.listeners.cancel_accepts(core);
        }
    }

    /// A connection of this core has moved away: there is room for another below `max_connections`. The process has
    /// no more descriptors for that, so a pause goes on.
    #[inline]
    pub(super) fn accept_for_one_moved(&mut self, core: &Rc<Core>) {
        if self.settings.max_connections.is_some() {
            self.accept_where_idle(core);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_as_long_up_to_a_second_until_an_accept_succeeds() {
        let mut pauses = Pauses::default();
        let mut next = || pauses.next().as_millis();
        assert_eq!(
            [
                next(),
                next(),
                next(),
                next(),
                next(),
                next(),
                next(),
                next()
            ],
            [20, 40, 80, 160, 320, 640, 1000, 1000]
        );
        pauses.succeeded();
        assert_eq!(pauses.next(), FIRST);
    }
}
