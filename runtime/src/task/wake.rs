//! Wakers that reach a task from any thread.
//!
//! Each slot of the task table has one [`WakeCell`] for good; later tenants of the slot use it
//! again. A waker that outlives its task therefore wakes whoever lives there now, which the
//! contract of `Future` allows: a needless poll and nothing more. In exchange starting a task
//! allocates no waker, and nothing here is unsafe.

use crate::core::wake_locally;
use crate::mailbox::Shared;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

pub(crate) struct WakeCell {
    slot: u32,
    /// Whether the slot is in the ready queue, or on its way there.
    queued: AtomicBool,
    core: Arc<Shared>,
}

impl WakeCell {
    pub(crate) fn new(slot: u32, core: Arc<Shared>) -> Arc<WakeCell> {
        Arc::new(WakeCell {
            slot,
            queued: AtomicBool::new(false),
            core,
        })
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
        if wake_locally(&self.core, self.slot) {
            self.queued.store(true, Ordering::Relaxed);
        } else if !self.queued.swap(true, Ordering::AcqRel) {
            self.core.wake_task(self.slot);
        }
    }
}
