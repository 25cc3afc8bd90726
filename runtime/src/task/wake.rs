//! Wakers that reach a task from any thread.
//!
//! Each slot of the task table has one [`WakeCell`] for good; later tenants of the slot use it
//! again. A waker that outlives its task therefore wakes whoever lives there now, which the
//! contract of `Future` allows: a needless poll and nothing more. In exchange starting a task
//! allocates no waker, and nothing here is unsafe.

use super::Urgency;
use crate::class::Priority;
use crate::core::wake_locally;
use crate::mailbox::Shared;
use crate::sync::{AtomicBool, Ordering};
use crate::time::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::task::Wake;

const NO_DEADLINE: u64 = u64::MAX;

pub(crate) struct WakeCell {
    slot: u32,
    standing: Standing,
    /// How urgent the task is. Written and read on its core alone; atomic because the cell is
    /// shared with wakers elsewhere.
    priority: AtomicU8,
    /// Nanoseconds; [`NO_DEADLINE`] if there is none.
    deadline: AtomicU64,
    core: Arc<Shared>,
}

impl WakeCell {
    pub(crate) fn new(slot: u32, core: Arc<Shared>) -> Arc<WakeCell> {
        Arc::new(WakeCell {
            slot,
            standing: Standing::new(),
            priority: AtomicU8::new(Priority::Normal as u8),
            deadline: AtomicU64::new(NO_DEADLINE),
            core,
        })
    }

    #[inline]
    pub(crate) fn urgency(&self) -> Urgency {
        let priority = Priority::ALL[usize::from(self.priority.load(Ordering::Relaxed)).min(2)];
        let deadline = match self.deadline.load(Ordering::Relaxed) {
            NO_DEADLINE => None,
            nanos => Some(Moment::from_nanos(nanos)),
        };
        Urgency { priority, deadline }
    }

    #[inline]
    pub(crate) fn set_urgency(&self, urgency: Urgency) {
        let deadline = urgency.deadline.map_or(NO_DEADLINE, Moment::as_nanos);
        self.priority
            .store(urgency.priority as u8, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }
}

impl Wake for WakeCell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !wake_locally(&self.core, self.slot, self) && self.standing.leave() {
            self.core.wake_task(self.slot);
        }
    }
}

/// Where a task stands on its way to the next poll.
///
/// A thread that wakes a task has written something before, which the poll that follows has to see, also where the task
/// had been woken already. So threads other than the core's always write the flag that the core takes before the poll:
/// a mere look at a flag that the core is about to clear could be served before what was written is seen, and the wake
/// be lost.
pub(crate) struct Standing {
    /// The slot is in the ready queue. The core's thread alone looks at it; atomic because the cell is shared.
    queued: AtomicBool,
    /// A note of another thread is on its way to the core.
    underway: AtomicBool,
}

impl Standing {
    pub(crate) fn new() -> Standing {
        Standing {
            queued: AtomicBool::new(false),
            underway: AtomicBool::new(false),
        }
    }

    /// On the core: whether the slot is to be queued now.
    #[inline]
    pub(crate) fn queue(&self) -> bool {
        let first = !self.queued.load(Ordering::Relaxed);
        if first {
            self.queued.store(true, Ordering::Relaxed);
        }
        first
    }

    /// On the core, before a poll: wakes from now on queue the task again.
    #[inline]
    pub(crate) fn polled(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }

    /// On another thread: whether a note is to be sent to the core.
    pub(crate) fn leave(&self) -> bool {
        !self.underway.swap(true, Ordering::AcqRel)
    }

    /// On the core, as it takes the note: whether the slot is to be queued now.
    pub(crate) fn arrive(&self) -> bool {
        self.underway.swap(false, Ordering::AcqRel);
        self.queue()
    }
}
