//! The hands of the number of cores: performs what [`Sizing`](super::sizing::Sizing) decides, and says
//! what it says.
//!
//! Called by the loop of [`super`]. Decides nothing about how many there are to be.

use super::Coordinator;
use super::ending;
use super::key::Key;
use super::sizing::{Act, Event, View};
use crate::coordinator::degraded::Degraded;
use crate::coordinator::event::BadEnd;
use crate::coordinator::events::ServerEvent;
use crate::coordinator::plan::{Action, CoreState};
use ringgate_runtime::Core;
use std::rc::Rc;

impl Coordinator {
    /// Lets the sizing hear what happened, and does what it says.
    pub(super) fn size(&mut self, core: &Rc<Core>, event: Event) {
        let view = View {
            now: core.now(),
            phase: self.phase(),
            pool: &self.pool,
            needs_a_core: self.needs_a_core(),
            trim_interval: self.config.pool.trim_interval,
        };
        for act in self.sizing.on(&view, event) {
            self.perform_size(core, act);
        }
    }

    fn perform_size(&mut self, core: &Rc<Core>, act: Act) {
        match act {
            Act::Target(cores) => self.pool.target = cores,
            Act::SayResize { cores, auto } => {
                tracing::info!(cores, auto, "resize");
                self.events.emit(&ServerEvent::Resize { cores });
            }
            Act::SayGrown { cores, queued } => {
                tracing::info!(cores, queued, "every core is busy; one more");
            }
            Act::SayShrunk { cores } => tracing::info!(cores, "a core is idle; one less"),
            Act::SayRefused(error) => {
                tracing::warn!(error, "the number of cores stays as it is");
            }
            Act::Answer(reply, result) => reply.send(result),
            Act::SayStartFailed { core: place, error } => {
                let serving = self.pool.serving().len();
                let target = self.pool.target;
                tracing::error!(
                    core = place,
                    serving,
                    target,
                    error,
                    "a core could not be started; it is tried again until it can"
                );
            }
            Act::SayEndedBadly {
                core: place,
                bad,
                pause,
            } => {
                let pause_ms = pause.as_millis() as u64;
                match bad {
                    BadEnd::Panicked => {
                        tracing::error!(core = place, pause_ms, "a core panicked; it is replaced");
                    }
                    BadEnd::RingFailed(error) => {
                        tracing::error!(core = place, pause_ms, %error, "a core's ring failed; it is replaced");
                    }
                }
            }
            Act::Rest { core: place, until } => {
                self.pool.cores[place as usize] = CoreState::Resting;
                core.set_timer(until, Key::Rested(place).to_key());
            }
            Act::Wake(place) => self.pool.cores[place as usize] = CoreState::Absent,
            Act::StartForTheLast(place) => self.start_for_the_last(core, place),
            Act::GiveUp(why) => self.end_by(core, ending::Event::GivesUp(why)),
            Act::SayWhole => tracing::info!(cores = self.pool.target, "every core serves again"),
            Act::TellDegraded(degraded) => self.tell_degraded(degraded),
        }
    }

    fn tell_degraded(&mut self, degraded: Option<Degraded>) {
        if self.handle.set_degraded(degraded)
            && let Some(manager) = &mut self.manager
        {
            manager.serving(degraded);
        }
    }

    /// Starts a core in a drain, if those who wait need one.
    pub(super) fn keep_a_core(&mut self, core: &Rc<Core>) {
        let mut cores = (0..).zip(&self.pool.cores);
        let place = cores.find(|(_, state)| !state.has_thread());
        // Where each place has a thread, the first that ends makes room.
        if let Some((index, _)) = place
            && self.needs_a_core()
        {
            self.start_for_the_last(core, index);
        }
    }

    /// Starts a core in a drain.
    pub(super) fn start_for_the_last(&mut self, core: &Rc<Core>, index: u32) {
        self.pool.target = self.pool.target.max(1);
        let spawn = Action::Spawn(index);
        self.pool.perform(&spawn);
        self.perform(core, spawn);
    }

    /// Whether a drain waits for a core that starts, or is to start once more, for those that wait.
    pub(super) fn awaits_a_core(&self) -> bool {
        let is_there = |state| self.pool.cores.contains(&state);
        let tries_again = is_there(CoreState::Resting) && self.needs_a_core();
        // Where another serves nobody has to wait for one that may never be up.
        is_there(CoreState::Starting) && self.pool.heirs().is_empty() || tries_again
    }

    /// Why fewer cores serve than are wanted, for people.
    pub(super) fn why_degraded(&self) -> Option<String> {
        let degraded = self.handle.degraded()?;
        Some(format!("{degraded}: {}", self.sizing.why()?))
    }
}
