//! Looks after the cores on a tick (rows M4 and M5): takes their signs of life, and acts on what
//! [`rules::heart`](crate::coordinator::rules::heart) makes of them. A core's heartbeat is a number
//! that it counts up anyway; taking it costs the core nothing.

use super::ending;
use super::{Coordinator, Phase};
use crate::connection::Message;
use crate::coordinator::plan::CoreState;
use crate::coordinator::rules::heart::{Health, Pulse, Thresholds, judge, tick};
use ringgate_runtime::sys::stack::{Stack, stack_of};
use ringgate_runtime::sys::thread::{kernel_state, wants_cpu, work_time};
use ringgate_runtime::{Core, Moment};
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// Stuck threads with which the process gives up: each holds memory and a share of the machine that
/// only the end of the process gives back.
const QUARANTINED_MAX: usize = 8;
/// How long a thread has to show its stack.
const STACK_PATIENCE: Duration = Duration::from_millis(100);

/// The life of a core, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heart {
    pulse: Pulse,
    /// When it was last looked at.
    felt: Moment,
    /// Whether its sockets were shut down.
    over: bool,
}

impl Heart {
    /// Of a core that has just begun.
    pub(super) fn of(now: Moment) -> Heart {
        Heart {
            felt: now,
            ..Heart::default()
        }
    }

    /// The core has just answered.
    pub(super) fn is_heard(&mut self) {
        self.pulse.is_heard();
    }

    /// How long it has given no sign of life.
    pub(super) fn silent(&self) -> Duration {
        self.pulse.silent()
    }
}

/// The state of a core and where its thread was.
pub(super) struct Dump {
    state: String,
    stack: io::Result<Stack>,
}

impl Dump {
    /// Gives the frames their names, on a thread of its own since that takes long, and then the
    /// whole text to `then`.
    pub(super) fn name(self, then: impl FnOnce(String) + Send + 'static) {
        let spawned = std::thread::Builder::new()
            .name("rg-dump".to_owned())
            .spawn(move || {
                let Dump { state, stack } = self;
                then(match stack {
                    Ok(stack) => format!("{state}\n{stack}"),
                    Err(error) => format!("{state}\nno stack: {error}\n"),
                });
            });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread to name the frames of a stack");
        }
    }
}

impl Coordinator {
    fn thresholds(&self) -> Thresholds {
        let rules = self.config.pool;
        Thresholds {
            stall: rules.stall,
            late: rules.heartbeat_interval + rules.heartbeat_timeout,
            grace: self.config.drain.graceful_timeout,
        }
    }

    /// How often to look.
    pub(super) fn tick(&self) -> Duration {
        tick(self.thresholds())
    }

    pub(super) fn on_tick(&mut self, core: &Rc<Core>) {
        let now = core.now();
        for index in 0..self.slots.len() as u32 {
            self.listen_to_heart(core, index);
        }
        self.hurry_leaving(now);
        self.look_after_certificates();
        if let Some(manager) = &mut self.manager {
            manager.say_again();
        }
        self.look_at_ancestors(core);
        if self.phase() == Phase::Running {
            self.recycle_by_age(now);
            self.measure(core);
        }
    }

    /// How long a core has given no sign of life, with a look at it now; None: it has no thread.
    pub(super) fn feel(&mut self, now: Moment, index: u32) -> Option<Duration> {
        let most = self.tick() * 2;
        let slot = &mut self.slots[index as usize];
        let beat = slot.remote.as_ref()?.heartbeat();
        let thread = slot.work.thread();
        let passed = now.since(slot.heart.felt).min(most);
        slot.heart.felt = now;
        slot.heart.pulse.feel(beat, passed, || {
            Some((work_time(thread).ok()?, wants_cpu(thread).ok()?))
        });
        Some(slot.heart.silent())
    }

    fn listen_to_heart(&mut self, core: &Rc<Core>, index: u32) {
        let thresholds = self.thresholds();
        let Some(silent) = self.feel(core.now(), index) else {
            return;
        };
        let health = judge(silent, thresholds);
        let stuck = health != Health::Well;
        if stuck != self.pool.stuck[index as usize] {
            self.pool.stuck[index as usize] = stuck;
            if stuck {
                tracing::warn!(core = index, "a core makes no turn; others accept for it");
            } else {
                tracing::info!(core = index, "a core makes turns again");
            }
        }
        if stuck {
            self.forward(core.now(), index);
        }
        let killed = stuck && self.slots[index as usize].kill;
        if health >= Health::Late || killed {
            self.quarantine(core, index, silent);
        }
        if health == Health::Over || killed {
            self.shut_sockets(index);
        }
    }

    /// A core is taken for stuck: it is replaced, and asked to leave if it ever hears it.
    pub(super) fn quarantine(&mut self, core: &Rc<Core>, index: u32, silent: Duration) {
        if self.pool.cores[index as usize] == CoreState::Quarantined {
            return;
        }
        self.pool.cores[index as usize] = CoreState::Quarantined;
        let stuck = |state: &&CoreState| **state == CoreState::Quarantined;
        let count = self.pool.cores.iter().filter(stuck).count();
        tracing::error!(
            core = index,
            silent_ms = silent.as_millis() as u64,
            quarantined = count,
            "a core is stuck; it is replaced"
        );
        self.dump(index).name(|dump| {
            for line in dump.lines() {
                tracing::error!(line, "stuck");
            }
        });
        if self.phase() == Phase::Running {
            let heirs = self.pool.heirs();
            self.post.to_core(index, Message::Leave(heirs));
        }
        if count >= QUARANTINED_MAX && self.phase() == Phase::Running {
            let why = format!(
                "{count} threads are stuck in handlers; the process ends for its supervisor to start it anew"
            );
            self.end_by(core, ending::Event::Fails(why));
        }
    }

    /// The clients of a stuck core learn that nothing comes any more.
    pub(super) fn shut_sockets(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !std::mem::replace(&mut slot.heart.over, true) {
            let sockets = slot.sockets.shut_down_all();
            tracing::error!(
                core = index,
                sockets,
                "the sockets of a stuck core are shut down"
            );
        }
    }

    /// Whether nobody is left who waits for this stuck core.
    pub(super) fn is_given_up(&self, index: u32) -> bool {
        let slot = &self.slots[index as usize];
        self.pool.cores[index as usize] == CoreState::Quarantined
            && (slot.heart.over || slot.stats.open.get() == 0)
    }

    /// Whether a core has given no sign of life for so long.
    pub(super) fn is_silent(&self, index: u32, time: Duration) -> bool {
        self.slots[index as usize].heart.silent() >= time
    }

    /// All there is to know of a core: its state and figures, what the kernel says of its thread,
    /// and the thread's stack.
    pub(super) fn dump(&self, index: u32) -> Dump {
        let slot = &self.slots[index as usize];
        let thread = slot.work.thread();
        let stats = &slot.stats;
        let state = format!(
            "core {index}: {}, thread {thread}: {}, turns {}, silent {} ms, connections {}, \
             requests running {} and pending {}",
            self.pool.cores[index as usize].name(),
            kernel_state(thread),
            slot.heart.pulse.turns(),
            slot.heart.silent().as_millis(),
            stats.open.get(),
            stats.running.get(),
            stats.pending.get(),
        );
        Dump {
            state,
            stack: stack_of(thread, STACK_PATIENCE),
        }
    }

    /// Cores that leave have the graceful timeout for what cannot move.
    fn hurry_leaving(&mut self, now: Moment) {
        for (index, slot) in (0..).zip(&mut self.slots) {
            if slot.leave_by.is_some_and(|by| now >= by) {
                slot.leave_by = None;
                tracing::warn!(
                    core = index,
                    connections = slot.stats.open.get(),
                    "a core has not left within the graceful timeout; what is left on it is cut off"
                );
                self.post.to_core(index, Message::Force);
            }
        }
    }
}
