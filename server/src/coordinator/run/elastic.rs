//! How busy the cores are, measured for [`Sizing`](super::sizing::Sizing). The kernel keeps the time that
//! a thread was at work (proc(5), schedstat); it is read once a second, and the cores measure nothing.
//!
//! Called on each tick. Decides nothing about what follows from it.

use super::Coordinator;
use super::sizing::{Demand, Event};
use crate::coordinator::plan::CoreState;
use crate::coordinator::status::PoolStatus;
use ringgate_runtime::Core;
use ringgate_runtime::sys::tcp_info::listen_queue;
use ringgate_runtime::sys::thread::{WorkTime, work_time};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

const FULL_PERMILLE: u128 = 1000;

/// The work of a core, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    thread: u32,
    before: WorkTime,
    /// How long ago the kernel told `before`, when the window at hand began.
    untold: Duration,
    busy_permille: u32,
}

impl Work {
    /// Of a thread that has just begun, after so much time on a CPU. The kernel is not asked here: that takes a
    /// descriptor, which may be the last one and then belongs to a core that starts beside this one.
    pub(super) fn of(thread: u32, ran: Duration) -> Work {
        let waited = Duration::ZERO;
        Work {
            thread,
            before: WorkTime { ran, waited },
            untold: Duration::ZERO,
            busy_permille: 0,
        }
    }

    pub(super) fn thread(&self) -> u32 {
        self.thread
    }

    pub(super) fn busy_permille(&self) -> u32 {
        self.busy_permille
    }

    /// A thread without a CPU is no less busy. One that is stuck has no time for anybody, whatever it
    /// does. Where the kernel does not tell `now`, for want of a descriptor, a core is as busy as it was.
    fn measure(&mut self, now: Option<WorkTime>, over: Duration, stuck: bool) {
        self.untold += over;
        if let Some(now) = now {
            let over = std::mem::take(&mut self.untold);
            let ran = now.ran.saturating_sub(self.before.ran);
            let worked = ran + now.waited.saturating_sub(self.before.waited);
            let permille = worked.as_nanos() * FULL_PERMILLE / over.as_nanos().max(1);
            self.before = now;
            self.busy_permille = permille.min(FULL_PERMILLE) as u32;
        }
        if stuck {
            self.busy_permille = FULL_PERMILLE as u32;
        }
    }
}

impl Coordinator {
    /// Requests at the gate, and connections in the kernel's queues.
    pub(super) fn queued(&self) -> u64 {
        let pending = self.slots.iter().map(|slot| slot.stats.pending.get());
        let mut last = None;
        let queues = self.listeners.all.iter().map(|listener| {
            // A shared one stands there once for each place.
            let socket = std::sync::Arc::as_ptr(&listener.socket);
            if last.replace(socket) == Some(socket) {
                return 0;
            }
            let queue = listen_queue(listener.socket.as_fd());
            queue.map_or(0, |queue| u64::from(queue.queue))
        });
        pending.sum::<u64>() + queues.sum::<u64>()
    }

    /// Called on each tick of a running server.
    pub(super) fn measure(&mut self, core: &Rc<Core>) {
        if self.sizing.is_elastic() {
            let queued = self.queued();
            self.size(core, Event::Queued(queued));
        }
        let Some(passed) = self.sizing.window(core.now()) else {
            return;
        };
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if self.pool.cores[index].has_thread() {
                let now = work_time(slot.work.thread()).ok();
                slot.work.measure(now, passed, self.pool.stuck[index]);
            }
        }
        self.balance();
        let busy = self.busy();
        self.size(core, Event::Measured { busy });
    }

    /// How much there is to do, just now.
    pub(super) fn demand(&self) -> Demand {
        Demand {
            busy: self.busy(),
            queued: self.queued(),
        }
    }

    fn busy(&self) -> Vec<u32> {
        let running = self.pool.running().into_iter();
        running
            .map(|core| self.slots[core as usize].work.busy_permille)
            .collect()
    }

    /// Row P8.
    pub(super) fn pool_status(&self) -> PoolStatus {
        let demand = self.demand();
        let load = self.sizing.load(&self.pool, &demand);
        let running = demand.busy.len() as u32;
        let quarantined = |state: &&CoreState| **state == CoreState::Quarantined;
        PoolStatus {
            target: load.target,
            auto: self.sizing.is_auto(),
            min: load.min,
            max: load.max,
            slots: self.sizing.slots(),
            spawned: load.spawned,
            running,
            waiting: load.waiting(),
            busy: running - load.waiting(),
            trim_requested: load.trim_requested,
            queued: load.queued,
            parked: self.parked.len() as u64,
            stuck: self.pool.stuck.iter().filter(|stuck| **stuck).count() as u32,
            quarantined: self.pool.cores.iter().filter(quarantined).count() as u32,
            degraded: self.why_degraded(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn worked(ran: u64, waited: u64) -> Option<WorkTime> {
        let (ran, waited) = (Duration::from_millis(ran), Duration::from_millis(waited));
        Some(WorkTime { ran, waited })
    }

    #[test]
    fn a_core_is_as_busy_as_its_thread_ran_or_waited_for_a_cpu_since_the_look_before() {
        let mut work = Work::of(7, Duration::from_millis(300));
        for (now, stuck, busy) in [
            (worked(400, 0), false, 100),
            (worked(500, 150), false, 250),
            (worked(500, 150), false, 0),
            (worked(500, 150), true, 1000),
            (worked(900, 9000), false, 1000),
        ] {
            work.measure(now, SECOND, stuck);
            assert_eq!(work.busy_permille(), busy, "{now:?}");
        }
    }

    #[test]
    fn a_core_whose_work_is_not_told_for_want_of_a_descriptor_is_as_busy_as_it_was() {
        let mut work = Work::of(7, Duration::ZERO);
        work.measure(worked(200, 0), SECOND, false);
        work.measure(None, SECOND, false);
        assert_eq!(work.busy_permille(), 200);
        // Two windows have passed since it was told.
        work.measure(worked(600, 0), SECOND, false);
        assert_eq!(work.busy_permille(), 200);
        work.measure(None, SECOND, true);
        assert_eq!(work.busy_permille(), 1000);
    }
}
