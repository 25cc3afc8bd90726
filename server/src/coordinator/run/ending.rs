//! Where a server is in its life and how it ends, as a state machine: readiness goes, batons come back,
//! what the kernel has queued is taken, the cores are told to finish or to stop, and when the last of
//! them is gone. The machine also keeps what the end report says: whether it was asked for, whether it
//! was a failure, and how many connections it cut off.
//!
//! Pure: [`Ending::on`] takes what happened and returns what is to be done; `finishing.rs` performs it.
//! The end of a generation that has handed over is decided by
//! [`Succession`](crate::coordinator::upgrade::succession::Succession), and reported here.

use super::key::Key;
use crate::admission::decide::Phase as GatePhase;
use crate::config::{Drain, DrainPending};
use crate::coordinator::handle::Ended;
use crate::coordinator::plan::{CoreState, Pool};
use ringgate_runtime::Moment;
use std::time::Duration;

/// How long a core may be silent that was told to end at once.
pub(super) const STOP_PATIENCE: Duration = Duration::from_millis(60);

/// How long a core may take that is still being set up when the server is told to end at once.
const START_PATIENCE: Duration = Duration::from_secs(1);

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Starting,
    Running,
    /// No new connections; the cores finish what they have.
    Draining,
    /// The cores were told to close everything.
    Stopping,
    /// The cores are over, while lanes may still finish what they have begun.
    Stopped,
}

impl Phase {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Draining => "draining",
            Phase::Stopping => "stopping",
            Phase::Stopped => "stopped",
        }
    }
}

/// The facts that a decision is made from.
pub(super) struct View<'a> {
    pub(super) now: Moment,
    pub(super) rules: Drain,
    pub(super) pool: &'a Pool,
    /// Whether those who wait for a core wait for one that starts, or is to be tried again.
    pub(super) awaits_a_core: bool,
    /// Whether connections wait for a core, and none is there, starts, or is to be tried again.
    pub(super) lacks_a_core: bool,
    /// Whether the thread of a core that has ended still drops what handlers keep by thread.
    pub(super) lingers: bool,
    /// Of each place: whether nobody waits for its stuck core any more.
    pub(super) given_up: &'a [bool],
    /// Of each place: whether its core has shown no life for [`STOP_PATIENCE`].
    pub(super) silent: &'a [bool],
}

/// An event that bears on the life of the server.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// The first cores are up.
    CoresServe,
    /// The server is to finish what was begun.
    Drain,
    /// The server is to end at once.
    Stop,
    /// The time in which a drain still accepts is over.
    GatesClose,
    /// The time for a graceful end is over.
    GraceOver,
    /// Something may have changed in the pool.
    Looked,
    /// The server cannot go on, and this is why: it ends at once.
    Fails(String),
    /// The server is not to go on, and this is why: it finishes what was begun.
    GivesUp(String),
    /// So many connections were cut off by force: by a core that has ended, or with those that are left
    /// behind at the end of the process.
    CutOff { core: Option<u32>, cut: u64 },
    /// A newer process serves, and this one finishes what it has.
    HandedOver,
    /// The process that had taken over is dead: this one serves again.
    Resumed,
    /// The listeners are another process's, and this one finishes what it has.
    LeftAlone,
    /// All that was left to do after a newer process began to serve is done.
    GenerationOver,
}

/// A step of an end.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The processes before and after this one hear that it ends.
    TellGenerations,
    /// Take new connections.
    Accept,
    /// Take no part in readiness, and start no cores.
    LeaveService,
    /// Serve as before there was a newer process.
    ServeAgain,
    /// Say that a core has cut off connections of a server that goes on.
    SayCut { core: Option<u32>, cut: u64 },
    /// Connections that wait for a core need one.
    KeepACore,
    /// Set a timer.
    Timer(Key, Moment),
    /// Tell the world.
    Announce { graceful: bool },
    /// Say that what is left is cut off.
    SayCutOff,
    /// No new connections.
    StopAccepting,
    /// The gate refuses.
    Gate(GatePhase),
    /// Take what the kernel has queued, and close the listeners.
    TakeQueued,
    /// Tell every core to finish, or to end at once.
    TellCores { force: bool },
    /// Tell handlers and streams that wait for the end.
    SayClosing,
}

/// The phase of a server, and what is known of its end.
#[derive(Default)]
pub(super) struct Ending {
    phase: Phase,
    /// Why the server ended by itself, if it did: the first cause.
    failed: Option<String>,
    /// Whether a graceful end was asked for.
    drained: bool,
    /// Whether somebody told the server to drain: one that has handed over drains without a word.
    asked: bool,
    /// Connections that the end has cut off.
    cut: u64,
    /// Whether the cores were told.
    told: bool,
    /// When the server was told to stop, at once or when a drain took too long.
    stopping_since: Option<Moment>,
}

impl Ending {
    /// Where the server is in its life.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the server ends by itself.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether the server was told to stop.
    pub(super) fn is_cut_short(&self) -> bool {
        self.stopping_since.is_some()
    }

    /// Whether the server was told to drain.
    pub(super) fn is_drain_asked(&self) -> bool {
        self.asked
    }

    /// How the server ended, but for the ledgers.
    pub(super) fn ended(&self) -> Ended {
        Ended {
            cut: self.cut,
            drained: self.drained,
            failed: self.failed.clone(),
            ..Ended::default()
        }
    }

    /// Hears what happened, and returns what is to be done about it, in this order.
    pub(super) fn on(&mut self, view: &View<'_>, event: Event) -> Vec<Act> {
        match event {
            Event::CoresServe => match self.phase {
                Phase::Starting => {
                    self.phase = Phase::Running;
                    vec![Act::Accept]
                }
                Phase::Running | Phase::Draining | Phase::Stopping | Phase::Stopped => Vec::new(),
            },
            Event::Drain => self.drain(view),
            Event::Stop => self.stop(view),
            Event::Fails(why) => {
                self.failed.get_or_insert(why);
                self.stop(view)
            }
            Event::GivesUp(why) => {
                self.failed.get_or_insert(why);
                self.drain(view)
            }
            Event::CutOff { core, cut } => self.cut_off(core, cut),
            Event::GatesClose if self.phase == Phase::Draining => close_gates(view.rules),
            Event::GraceOver if self.phase == Phase::Draining => {
                let mut acts = vec![Act::SayCutOff];
                acts.extend(self.stop(view));
                acts
            }
            Event::GraceOver if self.phase == Phase::Stopped && !self.is_cut_short() => {
                self.stopping_since = Some(view.now);
                vec![Act::SayCutOff]
            }
            // Timers of a drain that has become something else meanwhile.
            Event::GatesClose | Event::GraceOver => Vec::new(),
            Event::Looked => self.look(view),
            Event::HandedOver => {
                self.phase = Phase::Draining;
                self.drained = true;
                Vec::new()
            }
            Event::Resumed if self.phase == Phase::Draining => {
                self.phase = Phase::Running;
                (self.drained, self.asked) = (false, false);
                vec![Act::ServeAgain]
            }
            // It was told to stop meanwhile.
            Event::Resumed => Vec::new(),
            Event::LeftAlone => {
                self.told = true;
                vec![Act::StopAccepting, Act::TellCores { force: false }]
            }
            Event::GenerationOver => {
                self.phase = Phase::Stopped;
                Vec::new()
            }
        }
    }

    fn drain(&mut self, view: &View<'_>) -> Vec<Act> {
        self.asked = true;
        match self.phase {
            Phase::Starting | Phase::Running => {
                self.phase = Phase::Draining;
                self.drained = true;
                drain(view)
            }
            Phase::Draining | Phase::Stopping | Phase::Stopped => Vec::new(),
        }
    }

    fn stop(&mut self, view: &View<'_>) -> Vec<Act> {
        match self.phase {
            Phase::Starting | Phase::Running | Phase::Draining => {}
            Phase::Stopping => return Vec::new(),
            // Lanes have the rest of the time of a drain, which is over by this.
            Phase::Stopped => {
                self.stopping_since.get_or_insert(view.now);
                return Vec::new();
            }
        }
        self.phase = Phase::Stopping;
        self.stopping_since = Some(view.now);
        self.told = false;
        let mut acts = vec![
            Act::TellGenerations,
            Act::LeaveService,
            Act::Timer(Key::Patience, view.now + STOP_PATIENCE),
            Act::StopAccepting,
            Act::Gate(GatePhase::Stopped),
            Act::Announce { graceful: false },
        ];
        if view.pool.cores.contains(&CoreState::Starting) {
            acts.push(Act::Timer(Key::Patience, view.now + START_PATIENCE));
        }
        acts
    }

    /// Only what the server's own end cuts off is in its result: the rest is said when it happens.
    fn cut_off(&mut self, core: Option<u32>, cut: u64) -> Vec<Act> {
        match self.phase {
            Phase::Draining | Phase::Stopping | Phase::Stopped => {
                self.cut += cut;
                Vec::new()
            }
            Phase::Starting | Phase::Running if cut > 0 => vec![Act::SayCut { core, cut }],
            Phase::Starting | Phase::Running => Vec::new(),
        }
    }

    /// The steps of an end, each when the one before is done.
    fn look(&mut self, view: &View<'_>) -> Vec<Act> {
        let stopping = match self.phase {
            Phase::Draining => false,
            Phase::Stopping => true,
            Phase::Starting | Phase::Running | Phase::Stopped => return Vec::new(),
        };
        // Nobody who waits for a core is turned away by the end of the server, unless its cores end badly.
        let keeps = view.lacks_a_core && !self.has_failed();
        if !stopping && (keeps || view.awaits_a_core) {
            // The one that comes is told like the others, once it is up.
            self.told = false;
        }
        if !stopping && keeps {
            return vec![Act::KeepACore];
        }
        let pool = view.pool;
        // Who is stuck gives nothing back; his listeners are emptied all the same.
        let mut holders = pool.seats.iter().filter_map(|seat| seat.baton.holder());
        let held = holders.any(|holder| !pool.is_stuck(holder));
        let ready = !view.awaits_a_core && !pool.accepting && !held;
        let mut acts = Vec::new();
        if !self.told && (ready || stopping) {
            if !held {
                acts.push(Act::TakeQueued);
            }
            self.told = true;
            acts.push(Act::TellCores { force: stopping });
            // After that, so that the answers it leads to announce the close.
            acts.push(Act::SayClosing);
        }
        let since = self.stopping_since.map(|since| view.now.since(since));
        let is_past = |patience| since.is_some_and(|since| since >= patience);
        let over = pool.cores.iter().enumerate().all(|(place, state)| {
            let is_left = match state {
                // It gives no sign of life before it is up, and has no connections.
                CoreState::Starting => is_past(START_PATIENCE),
                _ => view.silent[place] && is_past(STOP_PATIENCE),
            };
            !state.has_thread() || view.given_up[place] || is_left
        });
        if over && (stopping || !(view.awaits_a_core || view.lingers)) {
            self.phase = Phase::Stopped;
        }
        acts
    }
}

fn drain(view: &View<'_>) -> Vec<Act> {
    let rules = view.rules;
    // Readiness says no from here on; those who have not heard it yet are still served.
    let close = view.now + rules.grace;
    let mut acts = vec![
        Act::TellGenerations,
        Act::LeaveService,
        Act::KeepACore,
        Act::Timer(Key::GraceOver, close + rules.graceful_timeout),
        Act::Announce { graceful: true },
    ];
    match rules.grace {
        Duration::ZERO => acts.extend(close_gates(rules)),
        _ => acts.push(Act::Timer(Key::CloseGates, close)),
    }
    acts
}

/// A drain takes no new connections any more.
fn close_gates(rules: Drain) -> Vec<Act> {
    let mut acts = vec![Act::StopAccepting];
    if rules.pending == DrainPending::Refuse {
        acts.push(Act::Gate(GatePhase::Draining));
    }
    acts
}

#[cfg(test)]
#[path = "ending_tests.rs"]
mod tests;
