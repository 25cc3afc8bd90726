//! How busy the cores are, and what the automatic rules make of it. The kernel keeps the time that
//! a thread was at work (proc(5), schedstat); it is read once a second, and the cores measure
//! nothing.

use super::{Coordinator, Phase};
use crate::coordinator::plan::CoreState;
use crate::coordinator::rules::elastic::Load;
use crate::coordinator::status::PoolStatus;
use ringgate_runtime::Moment;
use ringgate_runtime::sys::tcp_info::listen_queue;
use ringgate_runtime::sys::thread::{WorkTime, work_time};
use std::os::fd::AsFd;
use std::time::Duration;

/// Over how long it is looked how busy a core is; also the shortest time between two growths.
const WINDOW: Duration = Duration::from_secs(1);
const FULL_PERMILLE: u128 = 1000;

/// What is known of a core's work.
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

/// What was seen since the last look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    measured: Moment,
    trimmed: Moment,
    /// The most that was queued at any tick of this window: the cores take what is queued many times
    /// a second.
    queued: u64,
}

impl Watch {
    pub(super) fn new(now: Moment) -> Watch {
        Watch {
            measured: now,
            trimmed: now,
            queued: 0,
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

    fn is_elastic(&self) -> bool {
        self.sizing.auto && self.sizing.min < self.sizing.max
    }

    /// Called on each tick of a running server.
    pub(super) fn watch(&mut self, now: Moment) {
        if self.is_elastic() {
            self.elastic.queued = self.elastic.queued.max(self.queued());
        }
        let passed = now.since(self.elastic.measured);
        if passed < WINDOW {
            return;
        }
        self.elastic.measured = now;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if self.pool.cores[index].has_thread() {
                slot.work.measure(passed, self.pool.stuck[index]);
            }
        }
        self.balance();
        if !self.is_elastic() {
            return;
        }
        let queued = std::mem::take(&mut self.elastic.queued);
        let busy = self.busy();
        let load = self.load(&busy, queued);
        if load.grows() {
            self.pool.target += 1;
            tracing::info!(
                cores = self.pool.target,
                queued,
                "every core is busy; one more"
            );
        } else if now.since(self.elastic.trimmed) >= self.config.pool.trim_interval {
            self.elastic.trimmed = now;
            if load.trims(false) {
                self.pool.target -= 1;
                tracing::info!(cores = self.pool.target, "a core is idle; one less");
            }
        }
    }

    /// A forced trim (row P6).
    pub(super) fn trim(&mut self) -> Result<(), String> {
        if self.phase() != Phase::Running {
            return Err(format!("the server is {}", self.phase().name()));
        }
        let busy = self.busy();
        if !self.load(&busy, self.queued()).trims(true) {
            return Err(
                "no core leaves: all are busy, work is queued, or they are the fewest".into(),
            );
        }
        self.pool.target -= 1;
        Ok(())
    }

    fn busy(&self) -> Vec<u32> {
        let running = self.pool.running().into_iter();
        running
            .map(|core| self.slots[core as usize].work.busy_permille)
            .collect()
    }

    fn load<'a>(&self, busy: &'a [u32], queued: u64) -> Load<'a> {
        let count = |which: fn(CoreState) -> bool| {
            let cores = self.pool.cores.iter().filter(|state| which(**state));
            cores.count() as u32
        };
        let leaving = |state| {
            matches!(
                state,
                CoreState::Retiring | CoreState::Leaving | CoreState::Expiring
            )
        };
        let spawned = |state: CoreState| state.has_thread() && state != CoreState::Quarantined;
        Load {
            min: self.sizing.min,
            max: self.sizing.max,
            target: self.pool.target,
            spawned: count(spawned),
            trim_requested: count(leaving),
            busy,
            queued,
        }
    }

    /// Row P8.
    pub(super) fn pool_status(&self) -> PoolStatus {
        let busy = self.busy();
        let load = self.load(&busy, self.queued());
        let running = busy.len() as u32;
        let quarantined = |state: &&CoreState| **state == CoreState::Quarantined;
        PoolStatus {
            target: load.target,
            auto: self.sizing.auto,
            min: load.min,
            max: load.max,
            slots: self.sizing.slots,
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
