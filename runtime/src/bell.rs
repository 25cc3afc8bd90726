//! How a core is reached that may be asleep: without a lock, and without a system call while it is awake.
//!
//! The queue itself lies elsewhere ([`crate::mailbox`]). Threads that have queued something ask the bell whether the core
//! has to be woken; the core asks, after it has said that it will sleep, whether something is there. Of the two at least
//! one sees the other. `scripts/loom.sh` tries every order.

use crate::sync::{AtomicBool, Ordering, fence};

/// The bell of one core.
pub(crate) struct Bell {
    rung: AtomicBool,
    asleep: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell {
            rung: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
        }
    }

    /// For whoever has queued something: whether the core has to be woken. One alone is told so.
    pub(crate) fn must_wake(&self) -> bool {
        // Pairs with the fence in `may_sleep`: either the sleeper sees what was queued, or this
        // sees the sleeper.
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel)
    }

    /// Rings, and answers whether the core has to be woken for it.
    pub(crate) fn ring(&self) -> bool {
        self.rung.store(true, Ordering::Release);
        self.must_wake()
    }

    /// Says that the core is about to sleep; answers false if something is there for it already.
    #[inline]
    pub(crate) fn may_sleep(&self, nothing_queued: impl FnOnce() -> bool) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if nothing_queued() && !self.rung.load(Ordering::Relaxed) {
            return true;
        }
        self.asleep.store(false, Ordering::Relaxed);
        false
    }

    #[inline]
    pub(crate) fn woke(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Whether the bell was rung since the last call.
    #[inline]
    pub(crate) fn take_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.rung.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
    }
}

/// Whether a reader of a queue has ended, so that nothing that is queued stays there for ever: either the reader sees it
/// as it ends, or whoever queued it sees the end, and takes it out again.
pub(crate) struct End(AtomicBool);

impl End {
    pub(crate) fn new() -> End {
        End(AtomicBool::new(false))
    }

    /// For the reader, before it takes what is queued for the last time.
    pub(crate) fn come(&self) {
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// For whoever has queued something.
    pub(crate) fn has_come(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed)
    }
}
