//! How many cores there are to be, and who waits for it. An operator's number is taken as it is, up
//! to the number of slots; the automatic rules rest from then on until they are told to go on. A
//! new number replaces the one before at any time.

use super::{Coordinator, Phase};
use crate::config::{CorePlan, PoolSize};
use crate::coordinator::events::ServerEvent;
use crate::coordinator::reply::Reply;

/// Bounds, and who waits for a size.
pub(super) struct Sizing {
    /// Fewest cores of the automatic rules.
    pub(super) min: u32,
    /// Most cores of the automatic rules.
    pub(super) max: u32,
    /// Listener slots: most cores of all.
    pub(super) slots: u32,
    /// Whether the automatic rules are at work.
    pub(super) auto: bool,
    waiting: Vec<(u32, Reply<Result<(), String>>)>,
}

impl Sizing {
    pub(super) fn new(plan: &CorePlan) -> Sizing {
        Sizing {
            min: plan.min.get(),
            max: plan.max.get(),
            slots: plan.slots.get(),
            auto: true,
            waiting: Vec::new(),
        }
    }

    /// Nobody is answered any more.
    pub(super) fn dismiss(&mut self) {
        self.waiting.clear();
    }
}

impl Coordinator {
    pub(super) fn on_resize(
        &mut self,
        size: PoolSize,
        wait: bool,
        reply: Reply<Result<(), String>>,
    ) {
        match self.resize(size) {
            Ok(()) if wait => self.sizing.waiting.push((self.pool.target, reply)),
            result => reply.send(result),
        }
    }

    /// TTIN and TTOU: one more, one less; the last one stays (row M2).
    pub(super) fn resize_by(&mut self, change: i32) {
        let target = self.pool.target.saturating_add_signed(change);
        let result = match target {
            0 => Err("the last core stays; resize to 0 by ctl, or drain or stop".to_owned()),
            cores => self.resize(PoolSize::Cores(cores)),
        };
        if let Err(error) = result {
            tracing::warn!(error, "the number of cores stays as it is");
        }
    }

    pub(super) fn resize(&mut self, size: PoolSize) -> Result<(), String> {
        let slots = self.sizing.slots;
        if self.phase != Phase::Running {
            return Err(format!("the server is {}", self.phase.name()));
        }
        let target = match size {
            PoolSize::Cores(cores) if cores > slots => {
                return Err(format!(
                    "{cores} cores are more than the {slots} slots; start with a larger core_slots"
                ));
            }
            PoolSize::Cores(cores) => cores,
            PoolSize::Auto => self.pool.target.clamp(self.sizing.min, self.sizing.max),
        };
        self.sizing.auto = size == PoolSize::Auto;
        self.pool.target = target;
        tracing::info!(cores = target, auto = self.sizing.auto, "resize");
        self.events.emit(&ServerEvent::Resize { cores: target });
        Ok(())
    }

    /// Answers those who wait for a resize that is done, or will not be.
    pub(super) fn answer_resizing(&mut self) {
        if self.sizing.waiting.is_empty() {
            return;
        }
        let target = self.pool.target;
        let done = self.pool.is_settled();
        let phase = self.phase;
        for (cores, reply) in std::mem::take(&mut self.sizing.waiting) {
            if phase != Phase::Running {
                reply.send(Err(format!("the server is {}", phase.name())));
            } else if cores != target {
                reply.send(Err(format!("the number of cores is now to be {target}")));
            } else if done {
                reply.send(Ok(()));
            } else {
                self.sizing.waiting.push((cores, reply));
            }
        }
    }
}
