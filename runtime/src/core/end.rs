//! The end of a core, orderly or not: the kernel must owe nothing before its memory is freed.

use super::{COMPLETIONS_PER_TURN_MAX, Core, Sink};
use crate::driver::{Completion, Driver, Token};
use crate::op::{Finished, dispose};
use std::rc::Rc;
use std::time::Duration;

/// How long a core that is dropped without teardown waits for its operations to end.
const DROP_PATIENCE: Duration = Duration::from_secs(2);

impl Core {
    /// Ends everything on this core, also after a panic of its owner: drops the tasks, cancels
    /// every operation and takes every completion, so that the kernel owes nothing and touches no
    /// memory any more. Connections accepted meanwhile are told to `sink`.
    ///
    /// # Errors
    /// The number of operations that did not end within `patience`. Their memory must outlive them:
    /// the caller leaks the core. A core whose ring has failed is not waited for: drop it, which
    /// closes the ring and leaks only the memory.
    pub fn teardown<S: Sink>(
        self: &Rc<Self>,
        sink: &mut S,
        patience: Duration,
    ) -> Result<(), usize> {
        let _entered = self.enter();
        let deadline = self.driver.borrow().now() + patience;
        loop {
            self.drop_tasks();
            let all = self.ops.borrow().all();
            if all.is_empty() {
                // What closes are queued still has to be submitted.
                let _ = self.driver.borrow_mut().enter(false, None);
                return Ok(());
            }
            for id in all {
                self.cancel(id);
            }
            if self.failed().is_some() || self.driver.borrow().now() >= deadline {
                return Err(self.ops.borrow().in_flight());
            }
            self.turn(sink, Some(Duration::from_millis(10)));
        }
    }
}

impl Core {
    /// Cancels and takes everything without telling anybody; answers whether nothing is left.
    fn reap(&mut self, patience: Duration) -> bool {
        let deadline = self.driver.borrow().now() + patience;
        let mut taken = self.taken.take().split_off(self.taken_next.take());
        loop {
            for completion in taken.drain(..).chain(self.own.take()) {
                if completion.token.generation == Token::UNTRACKED_GENERATION {
                    continue;
                }
                let finished = self.ops.borrow_mut().complete(&completion);
                if let Finished::Event { kind, memory, .. } | Finished::Orphaned { kind, memory } =
                    finished
                {
                    let opened = dispose(kind, &memory, completion.result);
                    opened
                        .into_iter()
                        .for_each(|opened| self.driver.get_mut().close(opened));
                } else if let Finished::Room = finished {
                    // Nothing of it is with the kernel now.
                    let cancelled =
                        Completion::new(completion.token, -libc::ECANCELED, false, None);
                    self.own.borrow_mut().push_back(cancelled);
                }
            }
            let all = self.ops.borrow().all();
            for id in &all {
                self.cancel(*id);
            }
            let mut driver = self.driver.borrow_mut();
            let waits = !all.is_empty() && self.own.borrow().is_empty();
            // A ring that fails completes nothing more, and patience ends this.
            let _ = driver.enter(waits, Some(Duration::from_millis(10)));
            if all.is_empty() {
                return true;
            }
            // Also what came last: it may have brought a descriptor.
            driver.completions(COMPLETIONS_PER_TURN_MAX, &mut taken);
            let is_over = self.failed.get().is_some() || driver.now() >= deadline;
            if is_over && taken.is_empty() {
                return false;
            }
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // Tasks hold operations and timers of this very core through `Rc`s, so a core that still
        // has any is kept alive by them and never gets here; `teardown` is the way out.
        debug_assert_eq!(self.tasks.borrow().len(), 0);
        // From now on nobody hears of values that come home: they are lost, and counted.
        self.drop_what_came_home();
        // Closing a ring cancels asynchronously, so what is in flight (the wake-up always is, if
        // nobody called `teardown`) ends first. What does not end keeps its memory for ever.
        // A simulated ring owes nobody anything, but what it opened meanwhile is to be closed where it failed.
        let is_kernels = matches!(&*self.driver.borrow(), Driver::Kernel(_));
        if (is_kernels || self.failed().is_some()) && !self.reap(DROP_PATIENCE) {
            self.ops.get_mut().leak();
            std::mem::forget(self.pool.clone());
        }
    }
}
