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
use crate::time::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Wake;

const NO_DEADLINE: u64 = u64::MAX;

pub(crate) struct WakeCell {
    slot: u32,
    /// Whether the slot is in the ready queue, or on its way there.
    queued: AtomicBool,
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
            queued: AtomicBool::new(false),
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

    /// Called before a poll: wakes from now on queue the task again.
    #[inline]
    pub(crate) fn polled(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for WakeCell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A load first: on the core itself no locked instruction is needed, since only the core
        // clears the flag. A race with another thread queues twice at worst.
        if self.queued.load(Ordering::Acquire) {
            return;
        }
        if wake_locally(&self.core, self.slot, self) {
            self.queued.store(true, Ordering::Relaxed);
        } else if !self.queued.swap(true, Ordering::AcqRel) {
            self.core.wake_task(self.slot);
        }
    }
}
