//! How other threads reach a core: wake-ups for its tasks, values that come home, and one bell.
//!
//! A lock-free queue and an eventfd that is written only while the core sleeps. Messages
//! themselves belong to whoever sends them; after queueing one it rings ([`Remote::notify`]).

use crate::bell::{Bell, End};
use crate::sys::event::EventFd;
use crate::task::{Stray, thread_number};
use crossbeam_queue::SegQueue;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A message of another thread to a core.
pub(crate) enum Note {
    /// The task in this seat is to be polled.
    Wake(u32),
    /// A value of the core was let go elsewhere, and is to be dropped.
    Home(Stray),
}

/// The part of a core that other threads see.
pub(crate) struct Shared {
    notes: SegQueue<Note>,
    /// The thread of the core: its number ([`thread_number`]) and its name.
    thread: u64,
    thread_name: Box<str>,
    bell: Bell,
    turns: AtomicU64,
    /// The core has ended, and takes no notes.
    end: End,
    event: EventFd,
}

impl Shared {
    /// Made by the thread of the core.
    pub(crate) fn new() -> io::Result<Arc<Shared>> {
        Ok(Arc::new(Shared {
            notes: SegQueue::new(),
            thread: thread_number(),
            thread_name: std::thread::current().name().unwrap_or("of a core").into(),
            bell: Bell::new(),
            turns: AtomicU64::new(0),
            end: End::new(),
            event: EventFd::new()?,
        }))
    }

    pub(crate) fn event(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    pub(crate) fn wake_task(&self, slot: u32) {
        self.notes.push(Note::Wake(slot));
        self.rouse();
    }

    /// The core drops `stray` in its next turn; if it has ended, the value is lost at once.
    pub(crate) fn send_home(&self, stray: Stray) {
        self.notes.push(Note::Home(stray));
        self.rouse();
        if self.end.has_come() {
            while self.notes.pop().is_some() {}
        }
    }

    /// The core ends: what is queued from now on reaches nobody, and what is queued now is its own to take.
    pub(crate) fn end(&self) {
        self.end.come();
    }

    #[inline]
    pub(crate) fn thread(&self) -> u64 {
        self.thread
    }

    pub(crate) fn thread_name(&self) -> &str {
        &self.thread_name
    }

    fn rouse(&self) {
        if self.bell.must_wake() {
            self.wake();
        }
    }

    fn wake(&self) {
        // A failed write could only be EBADF or the like: the core is gone.
        let _ = self.event.notify();
    }

    /// Says that the core is about to sleep; answers false if something is there for it already.
    #[inline]
    pub(crate) fn may_sleep(&self) -> bool {
        self.bell.may_sleep(|| self.notes.is_empty())
    }

    #[inline]
    pub(crate) fn woke(&self) {
        self.bell.woke();
    }

    #[inline]
    pub(crate) fn next_note(&self) -> Option<Note> {
        if self.notes.is_empty() {
            None
        } else {
            self.notes.pop()
        }
    }

    /// Whether the bell was rung since the last call.
    #[inline]
    pub(crate) fn take_notified(&self) -> bool {
        self.bell.take_rung()
    }

    #[inline]
    pub(crate) fn beat(&self, turns: u64) {
        self.turns.store(turns, Ordering::Relaxed);
    }
}

/// A handle on a core for other threads.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, Remote};
///
/// let core = Core::new(CoreOptions::default())?;
/// let remote: Remote = core.remote();
/// std::thread::spawn(move || remote.notify()).join().expect("no panic"); // wakes the core
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Remote(pub(crate) Arc<Shared>);

impl Remote {
    /// Rings: the core calls [`Sink::on_notified`](crate::Sink::on_notified) in its next turn,
    /// which begins at once if it sleeps.
    pub fn notify(&self) {
        if self.0.bell.ring() {
            self.0.wake();
        }
    }

    /// The core's heartbeat: turns of its loop so far, and whether it sleeps in the kernel. A core
    /// that neither sleeps nor turns is stuck in a task.
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            turns: self.0.turns.load(Ordering::Relaxed),
            parked: self.0.bell.is_asleep(),
        }
    }
}

/// See [`Remote::heartbeat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Turns of the loop.
    pub turns: u64,
    /// Whether the core waits in the kernel for something to do.
    pub parked: bool,
}
