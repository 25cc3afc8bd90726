//! Starts of cores that fail while the server serves: their places rest and are tried again for as long
//! as the cores are wanted, and everybody who asks hears that the server is degraded until it is whole.
//!
//! Called by the loop of [`super`]. [`rules::starts`](crate::coordinator::rules::starts) decides when;
//! a start in which no core comes up at all ends the server, for whoever started it waits to hear so.

use super::key::Key;
use super::{Coordinator, Phase};
use crate::coordinator::degraded::Degraded;
use crate::coordinator::plan::{Action, CoreState};
use ringgate_runtime::Core;
use std::rc::Rc;

impl Coordinator {
    /// A core could not be set up: its place rests.
    pub(super) fn start_failed(&mut self, core: &Rc<Core>, index: u32, error: &str) {
        let is_wanted = match self.phase() {
            Phase::Starting | Phase::Running => true,
            Phase::Draining => self.needs_a_core(),
            Phase::Stopping | Phase::Stopped => false,
        };
        if !is_wanted {
            return;
        }
        let failed = self.starts.failed(core.now(), error);
        if failed.say {
            let serving = self.pool.serving().len();
            let target = self.pool.target;
            tracing::error!(
                core = index,
                serving,
                target,
                error,
                "a core could not be started; it is tried again until it can"
            );
        }
        self.pool.cores[index as usize] = CoreState::Resting;
        core.set_timer(failed.again, Key::Rested(index).to_key());
    }

    /// The pause of a place is over. The plan starts it again; in a drain, where it starts nothing, the
    /// one that those who wait need is started here.
    pub(super) fn rested(&mut self, core: &Rc<Core>, index: u32) {
        if self.pool.cores[index as usize] != CoreState::Resting {
            return;
        }
        self.pool.cores[index as usize] = CoreState::Absent;
        if self.phase() == Phase::Draining && self.needs_a_core() {
            self.start_for_the_last(core, index);
        }
    }

    /// Starts a core in a drain.
    pub(super) fn start_for_the_last(&mut self, core: &Rc<Core>, index: u32) {
        self.pool.target = 1;
        let spawn = Action::Spawn(index);
        self.pool.perform(&spawn);
        self.perform(core, spawn);
    }

    /// Whether a drain waits for a core that starts, or is to start once more, for those that wait.
    pub(super) fn awaits_a_core(&self) -> bool {
        let is_there = |state| self.pool.cores.contains(&state);
        let tries_again = is_there(CoreState::Resting) && self.needs_a_core();
        is_there(CoreState::Starting) || tries_again
    }

    /// Whether the first cores are decided: all run, or some do and the others could not be started.
    pub(super) fn is_start_decided(&self) -> bool {
        let all = self.pool.running().len() == self.pool.target as usize;
        let starting = self.pool.cores.contains(&CoreState::Starting);
        all || !starting && self.starts.why().is_some()
    }

    /// Brings up to date what is said of a pool that is not whole.
    pub(super) fn tell_degraded(&mut self) {
        if self.phase() != Phase::Running {
            return;
        }
        if self.pool.is_complete() && self.starts.whole() {
            tracing::info!(cores = self.pool.target, "every core serves again");
        }
        let serving = self.pool.serving().len() as u32;
        let target = self.pool.target;
        let is_degraded = self.starts.why().is_some() && serving < target;
        let degraded = is_degraded.then_some(Degraded { serving, target });
        if self.handle.set_degraded(degraded)
            && let Some(manager) = &self.manager
        {
            manager.serving(degraded);
        }
    }

    /// Why fewer cores serve than are wanted, for people.
    pub(super) fn why_degraded(&self) -> Option<String> {
        let degraded = self.handle.degraded()?;
        Some(format!("{degraded}: {}", self.starts.why()?))
    }
}
