//! How many cores there are to be, as a state machine: what operators, signals and the load make of the
//! number, who waits for it, and when a place is tried again whose core could not be started or ended
//! badly.
//!
//! An operator's number is taken as it is, up to the number of slots; the automatic rules rest from then
//! on until they are told to go on. A new number replaces the one before at any time.
//!
//! Pure: [`Sizing::on`] takes what happened and returns what is to be done; `resizing.rs` performs it,
//! and it alone. Which place starts and which leaves for a number is [`plan`](crate::coordinator::plan)'s.

use super::ending::Phase;
use crate::config::{CorePlan, PoolSize};
use crate::coordinator::degraded::Degraded;
use crate::coordinator::event::BadEnd;
use crate::coordinator::plan::{CoreState, Pool};
use crate::coordinator::reply::Reply;
use crate::coordinator::rules::elastic::Load;
use crate::coordinator::rules::restart::{ENDS_MAX, Next, Restarts};
use crate::coordinator::rules::starts::Starts;
use ringgate_runtime::Moment;
use std::time::Duration;

/// Over how long it is looked how busy a core is; also the shortest time between two growths.
const WINDOW: Duration = Duration::from_secs(1);

/// The facts that a decision is made from.
pub(super) struct View<'a> {
    pub(super) now: Moment,
    pub(super) phase: Phase,
    pub(super) pool: &'a Pool,
    /// Whether a drain has connections for which there is no core.
    pub(super) needs_a_core: bool,
    /// The shortest time between two trims that nobody asked for.
    pub(super) trim_interval: Duration,
}

/// How much there is to do.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    /// How busy each running core was over the last window, in thousandths of its time.
    pub(super) busy: Vec<u32>,
    /// Requests at the gate and connections in the kernel's queues, just now.
    pub(super) queued: u64,
}

/// The way back to whoever set a number.
type Asker = Reply<Result<(), String>>;

/// An event that bears on the number of cores.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody sets the number. An answer that is to wait comes when the last core is there or gone.
    Ordered {
        size: PoolSize,
        wait: bool,
        reply: Option<Asker>,
    },
    /// Somebody wants so many more, or fewer.
    By(i32),
    /// Somebody wants one less now, if the rules allow it.
    Trim(Demand, Asker),
    /// The configuration has other bounds.
    Bounds { min: u32, max: u32 },
    /// So much is queued at a tick.
    Queued(u64),
    /// The window is over ([`Sizing::window`]); how busy each running core was.
    Measured { busy: Vec<u32> },
    /// A core is up.
    CoreUp,
    /// A core could not be set up, and why.
    StartFailed { core: u32, error: String },
    /// A core has ended that was not to end.
    EndedBadly { core: u32, bad: BadEnd },
    /// The pause of a place is over.
    Rested { core: u32 },
    /// Something may have changed in the pool.
    Looked,
    /// The server is over: nobody is answered any more.
    Over,
}

/// A step of a resize, or a word about it.
#[must_use]
#[derive(Debug)]
pub(super) enum Act {
    /// So many cores are wanted.
    Target(u32),
    SayResize {
        cores: u32,
        auto: bool,
    },
    SayGrown {
        cores: u32,
        queued: u64,
    },
    SayShrunk {
        cores: u32,
    },
    /// Say that the number stays, to nobody who asked.
    SayRefused(String),
    Answer(Asker, Result<(), String>),
    SayStartFailed {
        core: u32,
        error: String,
    },
    SayEndedBadly {
        core: u32,
        bad: BadEnd,
        pause: Duration,
    },
    /// Let a place rest until then.
    Rest {
        core: u32,
        until: Moment,
    },
    /// A place may be started again.
    Wake(u32),
    /// Start this core for those who wait, although no core is replaced any more.
    StartForTheLast(u32),
    /// Too many cores end badly: the server is not to go on.
    GiveUp(String),
    /// Every core serves that is wanted, after a time in which some did not.
    SayWhole,
    /// Tell whether fewer cores serve than are wanted.
    TellDegraded(Option<Degraded>),
}

/// Somebody who waits for so many cores.
struct Waiting {
    cores: u32,
    since: Moment,
    reply: Asker,
}

/// Bounds, who waits for a size, and what is remembered of starts, bad ends and load.
pub(super) struct Sizing {
    min: u32,
    max: u32,
    slots: u32,
    auto: bool,
    waiting: Vec<Waiting>,
    starts: Starts,
    restarts: Restarts,
    measured: Moment,
    trimmed: Moment,
    /// The most that was queued at any tick of this window: the cores take what is queued many times
    /// a second.
    queued: u64,
}

impl Sizing {
    pub(super) fn new(plan: &CorePlan, now: Moment) -> Sizing {
        Sizing {
            min: plan.min.get(),
            max: plan.max.get(),
            slots: plan.slots.get(),
            auto: true,
            waiting: Vec::new(),
            starts: Starts::default(),
            restarts: Restarts::default(),
            measured: now,
            trimmed: now,
            queued: 0,
        }
    }

    /// Listener slots: most cores of all.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// Whether the automatic rules are at work.
    pub(super) fn is_auto(&self) -> bool {
        self.auto
    }

    /// Whether the load may change the number.
    pub(super) fn is_elastic(&self) -> bool {
        self.auto && self.min < self.max
    }

    /// How long the window has lasted, if it is over.
    pub(super) fn window(&self, now: Moment) -> Option<Duration> {
        Some(now.since(self.measured)).filter(|passed| *passed >= WINDOW)
    }

    /// Why the last start failed, with its cure; None if the pool is whole.
    pub(super) fn why(&self) -> Option<&str> {
        self.starts.why()
    }

    /// Whether the first cores are decided: all run, or some do and the others could not be started.
    pub(super) fn is_start_decided(&self, pool: &Pool) -> bool {
        let all = pool.running().len() == pool.target as usize;
        let starting = pool.cores.contains(&CoreState::Starting);
        all || !starting && self.why().is_some()
    }

    /// How the pool stands under so much work.
    pub(super) fn load<'a>(&self, pool: &Pool, demand: &'a Demand) -> Load<'a> {
        let count = |which: fn(CoreState) -> bool| {
            let cores = pool.cores.iter().filter(|state| which(**state));
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
            min: self.min,
            max: self.max,
            target: pool.target,
            spawned: count(spawned),
            trim_requested: count(leaving),
            busy: &demand.busy,
            queued: demand.queued,
        }
    }

    /// Hears what happened, and returns what is to be done about it, in this order.
    pub(super) fn on(&mut self, view: &View<'_>, event: Event) -> Vec<Act> {
        match event {
            Event::Ordered { size, wait, reply } => self.ordered(view, size, wait, reply),
            Event::By(change) => match view.pool.target.saturating_add_signed(change) {
                0 => {
                    let why = "the last core stays; resize to 0 by ctl, or drain or stop";
                    vec![Act::SayRefused(why.to_owned())]
                }
                cores => self.ordered(view, PoolSize::Cores(cores), false, None),
            },
            Event::Trim(demand, reply) => self.trim(view, &demand, reply),
            Event::Bounds { min, max } => self.bounds(view, min, max),
            Event::Queued(queued) => {
                self.queued = self.queued.max(queued);
                Vec::new()
            }
            Event::Measured { busy } => self.measured(view, busy),
            Event::CoreUp => {
                self.starts.succeeded();
                Vec::new()
            }
            Event::StartFailed { core, error } => self.start_failed(view, core, error),
            Event::EndedBadly { core, bad } => self.ended_badly(view, core, bad),
            Event::Rested { core } => rested(view, core),
            Event::Looked => self.look(view),
            Event::Over => {
                self.waiting.clear();
                Vec::new()
            }
        }
    }

    fn ordered(
        &mut self,
        view: &View<'_>,
        size: PoolSize,
        wait: bool,
        reply: Option<Asker>,
    ) -> Vec<Act> {
        let cores = match (self.check(view, size), &reply) {
            (Ok(cores), _) => cores,
            (Err(error), None) => return vec![Act::SayRefused(error)],
            (Err(error), Some(_)) => return answer(reply, Err(error)),
        };
        self.auto = size == PoolSize::Auto;
        let auto = self.auto;
        let mut acts = vec![Act::Target(cores), Act::SayResize { cores, auto }];
        match reply {
            Some(reply) if wait => self.waiting.push(Waiting {
                cores,
                since: view.now,
                reply,
            }),
            reply => acts.extend(answer(reply, Ok(()))),
        }
        acts
    }

    /// The number that a size comes to, or why it cannot be.
    fn check(&self, view: &View<'_>, size: PoolSize) -> Result<u32, String> {
        let slots = self.slots;
        if view.phase != Phase::Running {
            return Err(format!("the server is {}", view.phase.name()));
        }
        match size {
            PoolSize::Cores(cores) if cores > slots => Err(format!(
                "{cores} cores are more than the {slots} slots; start with a larger core_slots"
            )),
            PoolSize::Cores(cores) => Ok(cores),
            PoolSize::Auto => Ok(view.pool.target.clamp(self.min, self.max)),
        }
    }

    /// A forced trim (row P6).
    fn trim(&mut self, view: &View<'_>, demand: &Demand, reply: Asker) -> Vec<Act> {
        if view.phase != Phase::Running {
            let error = format!("the server is {}", view.phase.name());
            return vec![Act::Answer(reply, Err(error))];
        }
        if !self.load(view.pool, demand).trims(true) {
            let error = "no core leaves: all are busy, work is queued, or they are the fewest";
            return vec![Act::Answer(reply, Err(error.to_owned()))];
        }
        let target = view.pool.target - 1;
        vec![Act::Target(target), Act::Answer(reply, Ok(()))]
    }

    /// A number that was set by hand stays.
    fn bounds(&mut self, view: &View<'_>, min: u32, max: u32) -> Vec<Act> {
        (self.min, self.max) = (min, max);
        match self.auto {
            true => vec![Act::Target(view.pool.target.clamp(min, max))],
            false => Vec::new(),
        }
    }

    fn measured(&mut self, view: &View<'_>, busy: Vec<u32>) -> Vec<Act> {
        self.measured = view.now;
        let queued = std::mem::take(&mut self.queued);
        if !self.is_elastic() {
            return Vec::new();
        }
        let demand = Demand { busy, queued };
        let load = self.load(view.pool, &demand);
        if load.grows() {
            let cores = view.pool.target + 1;
            return vec![Act::Target(cores), Act::SayGrown { cores, queued }];
        }
        if view.now.since(self.trimmed) < view.trim_interval {
            return Vec::new();
        }
        let trims = load.trims(false);
        self.trimmed = view.now;
        if trims {
            let cores = view.pool.target - 1;
            return vec![Act::Target(cores), Act::SayShrunk { cores }];
        }
        Vec::new()
    }

    /// A core could not be set up: its place rests, as long as somebody wants it.
    fn start_failed(&mut self, view: &View<'_>, core: u32, error: String) -> Vec<Act> {
        let is_wanted = match view.phase {
            Phase::Starting | Phase::Running => true,
            Phase::Draining => view.needs_a_core,
            Phase::Stopping | Phase::Stopped => false,
        };
        if !is_wanted {
            return Vec::new();
        }
        let failed = self.starts.failed(view.now, &error);
        let mut acts = Vec::new();
        if failed.say {
            acts.push(Act::SayStartFailed { core, error });
        }
        let until = failed.again;
        acts.push(Act::Rest { core, until });
        acts
    }

    /// A core ended that was not to end (row M3).
    fn ended_badly(&mut self, view: &View<'_>, core: u32, bad: BadEnd) -> Vec<Act> {
        let pause = match self.restarts.ended(view.now) {
            Next::After(pause) => pause,
            Next::GiveUp => {
                return vec![Act::GiveUp(format!(
                    "{ENDS_MAX} cores ended badly; giving up"
                ))];
            }
        };
        let mut acts = vec![Act::SayEndedBadly { core, bad, pause }];
        if !pause.is_zero() && (view.pool.spawning || view.needs_a_core) {
            let until = view.now + pause;
            acts.push(Act::Rest { core, until });
        }
        acts
    }

    fn look(&mut self, view: &View<'_>) -> Vec<Act> {
        let mut acts = Vec::new();
        let degraded = self.degraded(view.pool);
        if view.phase == Phase::Running {
            if view.pool.is_complete() && self.starts.whole() {
                acts.push(Act::SayWhole);
            }
            acts.push(Act::TellDegraded(degraded));
        }
        self.answer(view, degraded, &mut acts);
        acts
    }

    fn degraded(&self, pool: &Pool) -> Option<Degraded> {
        let (serving, target) = (pool.serving().len() as u32, pool.target);
        let is_degraded = self.why().is_some() && serving < target;
        is_degraded.then_some(Degraded { serving, target })
    }

    /// Answers those who wait for a resize that is done, or will not be, or whose cores cannot be
    /// started. The target stays what was asked in that case, and the starts are tried again.
    fn answer(&mut self, view: &View<'_>, degraded: Option<Degraded>, acts: &mut Vec<Act>) {
        let target = view.pool.target;
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.reply.is_unwanted() {
                continue;
            }
            let verdict = self.starts.verdict(view.now, waiting.since);
            let result = if view.phase != Phase::Running {
                Err(format!("the server is {}", view.phase.name()))
            } else if waiting.cores != target {
                Err(format!("the number of cores is now to be {target}"))
            } else if view.pool.is_settled() {
                Ok(())
            } else if let (Some(why), Some(degraded)) = (verdict, degraded) {
                Err(format!(
                    "{degraded}: {why}; the target stays {target}, and the others start as soon as \
                     they can"
                ))
            } else {
                self.waiting.push(waiting);
                continue;
            };
            acts.push(Act::Answer(waiting.reply, result));
        }
    }
}

fn answer(reply: Option<Asker>, result: Result<(), String>) -> Vec<Act> {
    let answer = |reply| Act::Answer(reply, result);
    reply.map(answer).into_iter().collect()
}

/// The pause of a place is over. The plan starts it again; in a drain, where it starts nothing, the one
/// that those who wait need is started here.
fn rested(view: &View<'_>, core: u32) -> Vec<Act> {
    if view.pool.cores[core as usize] != CoreState::Resting {
        return Vec::new();
    }
    let mut acts = vec![Act::Wake(core)];
    if view.phase == Phase::Draining && view.needs_a_core {
        acts.push(Act::StartForTheLast(core));
    }
    acts
}

#[cfg(test)]
#[path = "sizing_tests.rs"]
mod tests;
