//! How many cores there are to be, and who waits for it. An operator's number is taken as it is, up
//! to the number of slots; the automatic rules rest from then on until they are told to go on. A
//! new number replaces the one before at any time.

use super::{Coordinator, Phase};
use crate::config::{CorePlan, PoolSize};
use crate::coordinator::events::ServerEvent;
use crate::coordinator::reply::Reply;
use ringgate_runtime::Moment;

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
    waiting: Vec<Waiting>,
}

/// Somebody who waits for so many cores.
struct Waiting {
    cores: u32,
    since: Moment,
    reply: Reply<Result<(), String>>,
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
        since: Moment,
        size: PoolSize,
        wait: bool,
        reply: Reply<Result<(), String>>,
    ) {
        match self.resize(size) {
            Ok(()) if wait => {
                let cores = self.pool.target;
                let waiting = Waiting {
                    cores,
                    since,
                    reply,
                };
                self.sizing.waiting.push(waiting);
            }
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
        if self.phase() != Phase::Running {
            return Err(format!("the server is {}", self.phase().name()));
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

    /// Answers those who wait for a resize that is done, or will not be, or whose cores cannot be
    /// started. The target stays what was asked in that case, and the starts are tried again.
    pub(super) fn answer_resizing(&mut self, now: Moment) {
        if self.sizing.waiting.is_empty() {
            return;
        }
        let target = self.pool.target;
        let done = self.pool.is_settled();
        let phase = self.phase();
        for waiting in std::mem::take(&mut self.sizing.waiting) {
            let verdict = self.starts.verdict(now, waiting.since);
            if phase != Phase::Running {
                let error = format!("the server is {}", phase.name());
                waiting.reply.send(Err(error));
            } else if waiting.cores != target {
                let error = format!("the number of cores is now to be {target}");
                waiting.reply.send(Err(error));
            } else if done {
                waiting.reply.send(Ok(()));
            } else if let (Some(_), Some(why)) = (verdict, self.why_degraded()) {
                let error = format!(
                    "{why}; the target stays {target}, and the others start as soon as they can"
                );
                waiting.reply.send(Err(error));
            } else {
                self.sizing.waiting.push(waiting);
            }
        }
    }
}
