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
    busy_permille: u32,
}

impl Work {
    /// Of a thread that has just begun.
    pub(super) fn of(thread: u32) -> Work {
        Work {
            thread,
            before: work_time(thread).unwrap_or_default(),
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
    /// does.
    fn measure(&mut self, over: Duration, stuck: bool) {
        let now = work_time(self.thread).unwrap_or_default();
        let ran = now.ran.saturating_sub(self.before.ran);
        let worked = ran + now.waited.saturating_sub(self.before.waited);
        let permille = worked.as_nanos() * FULL_PERMILLE / over.as_nanos().max(1);
        self.before = now;
        self.busy_permille = match stuck {
            true => FULL_PERMILLE as u32,
            false => permille.min(FULL_PERMILLE) as u32,
        };
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
                slot.work.measure(passed, self.pool.stuck[index]);
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
