//! How a server ends: readiness goes, batons come back, what the kernel has queued is taken, the
//! cores finish or are told to stop, and the last of them turns out the light.

use super::{CLOSE_KEY, Coordinator, GRACE_KEY, Phase};
use crate::admission::decide::Phase as GatePhase;
use crate::config::DrainPending;
use crate::connection::Message;
use crate::coordinator::handle::Ended;
use crate::coordinator::plan::{Baton, CoreState};
use crate::coordinator::status;
use ringgate_runtime::lane::Ending;
use ringgate_runtime::sys::listener::accept_nonblocking;
use ringgate_runtime::{Core, Descriptor};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

/// How long a server that stops at once waits for what its lanes have begun.
const LANES_PATIENCE: Duration = Duration::from_millis(100);

impl Coordinator {
    pub(super) fn drain(&mut self, core: &Rc<Core>) {
        if !matches!(self.phase, Phase::Starting | Phase::Running) {
            return;
        }
        self.phase = Phase::Draining;
        self.ended.drained = true;
        self.handle.set_ready(false);
        self.pool.spawning = false;
        let drain = self.config.drain;
        // Readiness says no from here on; those who have not heard it yet are still served.
        let close = core.now() + drain.grace;
        core.set_timer(close + drain.graceful_timeout, GRACE_KEY);
        tracing::info!("draining");
        match drain.grace {
            Duration::ZERO => self.close_gates(),
            _ => {
                core.set_timer(close, CLOSE_KEY);
            }
        }
    }

    /// A drain takes no new connections any more.
    pub(super) fn close_gates(&mut self) {
        if self.phase != Phase::Draining {
            return;
        }
        self.pool.accepting = false;
        if self.config.drain.pending == DrainPending::Refuse {
            self.gate.set_phase(GatePhase::Draining);
        }
    }

    pub(super) fn grace_over(&mut self) {
        if self.phase == Phase::Draining {
            tracing::warn!("the graceful timeout is over; what is left is cut off");
            self.stop();
        }
    }

    pub(super) fn stop(&mut self) {
        if matches!(self.phase, Phase::Stopping | Phase::Stopped) {
            return;
        }
        self.cut_short = true;
        self.phase = Phase::Stopping;
        self.handle.set_ready(false);
        self.pool.accepting = false;
        self.pool.spawning = false;
        self.told = false;
        self.gate.set_phase(GatePhase::Stopped);
        tracing::info!("stopping");
    }

    /// The steps of an end, each when the one before is done: batons come back, what the kernel
    /// still has queued is taken, the cores are told, and the last of them turns out the light.
    pub(super) fn end(&mut self) {
        let held = self.pool.seats.iter().any(|seat| seat.baton != Baton::Free);
        let starting = self.pool.cores.contains(&CoreState::Starting);
        let stopping = self.phase == Phase::Stopping;
        let closed = stopping || !self.pool.accepting;
        if !self.told && !starting && closed && (!held || stopping) {
            if !held {
                self.take_queued();
            }
            self.told = true;
            for (index, state) in (0..).zip(&self.pool.cores) {
                if *state != CoreState::Absent {
                    let message = if stopping {
                        Message::Force
                    } else {
                        Message::Drain
                    };
                    self.post.to_core(index, message);
                }
            }
        }
        if self
            .pool
            .cores
            .iter()
            .all(|state| *state == CoreState::Absent)
        {
            self.phase = Phase::Stopped;
        }
    }

    /// Takes the connections that the kernel has queued and gives them to the cores, then closes
    /// the listeners: later ones are refused instead of reset.
    pub(super) fn take_queued(&mut self) {
        let cores = self.pool.running();
        let mut next = 0;
        if self.phase == Phase::Draining && !cores.is_empty() {
            for listener in &self.listeners.all {
                while let Ok(Some(socket)) = accept_nonblocking(listener.socket.as_fd()) {
                    let message = Message::Adopt(Descriptor::from(socket));
                    self.post.to_core(cores[next % cores.len()], message);
                    next += 1;
                }
            }
        }
        self.listeners.close();
        self.pool.seats.clear();
    }

    /// After the last core: whoever waited for a lane is gone, but what a lane has begun is let end.
    fn end_lanes(&self) {
        let (ending, most) = match self.ended.drained && !self.cut_short {
            true => (Ending::Finish, self.config.drain.graceful_timeout),
            false => (Ending::Cancel, LANES_PATIENCE),
        };
        self.handle.lanes().end(ending, most);
    }

    pub(super) fn finish(mut self, core: &Rc<Core>) -> Ended {
        self.post.attach_coordinator(None);
        // Whoever still asks is answered by the dropped reply.
        while self.post.next_event().is_some() {}
        self.resizing.clear();
        self.listeners.close();
        self.operators.files.clear();
        self.end_lanes();
        if core.teardown(&mut (), Duration::from_secs(1)).is_err() {
            std::mem::forget(core.clone());
        }
        let (connections, requests) = status::totals(self.slots.iter().map(|slot| &*slot.stats));
        if let (Some(started), Some(error)) = (self.started.take(), &self.ended.failed) {
            let _ = started.send(Err(error.clone()));
        }
        Ended {
            connections,
            requests,
            ..self.ended
        }
    }
}
