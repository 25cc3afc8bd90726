//! The processes before the one that this process was started by, once that one is gone: a stuck core of theirs may have
//! a listener armed, and nobody is left who would tell of its end. Until all of them have ended no core
//! here arms such a listener; one helps at it.
//!
//! Called by the new side of an upgrade and by the tick of the loop.

use super::Coordinator;
use crate::coordinator::upgrade::Generation;
use ringgate_runtime::Core;
use ringgate_runtime::sys::pidfd::PidFd;
use std::rc::Rc;
use std::time::Duration;

/// The processes that are awaited.
#[derive(Default)]
pub(super) struct Ancestors(Vec<(PidFd, Generation)>);

impl Ancestors {
    /// Whether none is awaited.
    pub(super) fn are_gone(&self) -> bool {
        self.0.is_empty()
    }

    /// How they stood when they were heard of last.
    pub(super) fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.0.iter().map(|(_, generation)| generation)
    }
}

impl Coordinator {
    /// Listeners of stuck cores of other processes are free once these have ended.
    pub(super) fn free_stuck_after(&mut self, core: &Rc<Core>, others: Vec<Generation>) {
        // One that cannot be opened is dead, or nobody could see its end from here.
        let opened = others
            .into_iter()
            .filter_map(|other| Some((PidFd::open(other.pid).ok()?, other)));
        self.processes.ancestors.0.extend(opened);
        match self.processes.ancestors.are_gone() {
            true => self.free_stuck(core),
            false => self.look_at_ancestors(core),
        }
    }

    /// Looks whether the last of them has ended.
    pub(super) fn look_at_ancestors(&mut self, core: &Rc<Core>) {
        let ancestors = &mut self.processes.ancestors;
        if ancestors.are_gone() {
            return;
        }
        let lives = |process: &PidFd| matches!(process.wait_exit(Some(Duration::ZERO)), Ok(false));
        ancestors.0.retain(|(process, _)| lives(process));
        if ancestors.are_gone() {
            self.free_stuck(core);
        }
    }

    /// No core of another process has a listener any more. The rings of that process may swallow wake-ups for a while.
    fn free_stuck(&mut self, core: &Rc<Core>) {
        self.rings_are_stale(core, |seat| seat.stuck_elsewhere);
        for seat in &mut self.pool.seats {
            seat.stuck_elsewhere = false;
        }
    }
}
