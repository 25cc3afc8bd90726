//! How a server ends: readiness goes, batons come back, what the kernel has queued is taken, the
//! cores finish or are told to stop, and the last of them turns out the light.

use super::key::Key;
use super::{Coordinator, Phase};
use crate::admission::decide::Phase as GatePhase;
use crate::admission::door::now;
use crate::config::DrainPending;
use crate::connection::Message;
use crate::coordinator::events::ServerEvent;
use crate::coordinator::handle::Ended;
use crate::coordinator::plan::{Action, CoreState};
use crate::coordinator::upgrade::{inheritance, succession};
use ringgate_runtime::lane::Ending;
use ringgate_runtime::sys::listener::{accept_nonblocking, deafen};
use ringgate_runtime::{Core, Descriptor};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

/// How long a server that stops at once waits for what its lanes have begun.
const LANES_PATIENCE: Duration = Duration::from_millis(100);
/// How long the end waits for readers of the control socket to take what is owed to them.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a core may be silent that was told to end at once.
const STOP_PATIENCE: Duration = Duration::from_millis(60);

impl Coordinator {
    pub(super) fn drain(&mut self, core: &Rc<Core>) {
        if !matches!(self.phase, Phase::Starting | Phase::Running) {
            return;
        }
        self.succeed(core, succession::Event::ServerEnds);
        self.inherit(core, inheritance::Event::EndsOnPurpose);
        self.phase = Phase::Draining;
        self.ended.drained = true;
        self.handle.set_ready(false);
        self.pool.spawning = false;
        if self.needs_a_core() {
            // Nobody who waits for a core is turned away by the end of the server.
            self.pool.target = 1;
            let absent = self.pool.cores.iter().position(|s| !s.has_thread());
            let spawn = Action::Spawn(absent.unwrap_or_default() as u32);
            self.pool.perform(&spawn);
            self.perform(core, spawn);
        }
        let drain = self.config.drain;
        // Readiness says no from here on; those who have not heard it yet are still served.
        let close = core.now() + drain.grace;
        core.set_timer(close + drain.graceful_timeout, Key::GraceOver.to_key());
        tracing::info!("draining");
        self.say_stopping();
        self.events.emit(&ServerEvent::Finish { graceful: true });
        match drain.grace {
            Duration::ZERO => self.close_gates(),
            _ => {
                core.set_timer(close, Key::CloseGates.to_key());
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
            self.gate.set_phase(GatePhase::Draining, now());
        }
    }

    pub(super) fn grace_over(&mut self, core: &Rc<Core>) {
        if self.phase == Phase::Draining {
            tracing::warn!("the graceful timeout is over; what is left is cut off");
            self.stop(core);
        }
    }

    pub(super) fn stop(&mut self, core: &Rc<Core>) {
        if matches!(self.phase, Phase::Stopping | Phase::Stopped) {
            return;
        }
        self.cut_short = true;
        self.succeed(core, succession::Event::ServerEnds);
        self.inherit(core, inheritance::Event::EndsOnPurpose);
        self.phase = Phase::Stopping;
        self.stopping_since = Some(core.now());
        core.set_timer(core.now() + STOP_PATIENCE, Key::Patience.to_key());
        self.handle.set_ready(false);
        self.pool.accepting = false;
        self.pool.spawning = false;
        self.told = false;
        self.gate.set_phase(GatePhase::Stopped, now());
        tracing::info!("stopping");
        self.say_stopping();
        self.events.emit(&ServerEvent::Finish { graceful: false });
    }

    /// The steps of an end, each when the one before is done: batons come back, what the kernel
    /// still has queued is taken, the cores are told, and the last of them turns out the light.
    pub(super) fn end(&mut self, core: &Rc<Core>) {
        if self.succession.has_handed_over() && self.phase == Phase::Draining {
            if self.finish_generation(core) {
                self.phase = Phase::Stopped;
            }
            return;
        }
        // Who is stuck gives nothing back; his listeners are emptied all the same.
        let is_held = |holder: u32| !self.pool.is_stuck(holder);
        let mut holders = self
            .pool
            .seats
            .iter()
            .filter_map(|seat| seat.baton.holder());
        let held = holders.any(is_held);
        let starting = self.pool.cores.contains(&CoreState::Starting);
        let stopping = self.phase == Phase::Stopping;
        let closed = stopping || !self.pool.accepting;
        if !self.told && !starting && closed && (!held || stopping) {
            if !held {
                self.take_queued();
            }
            self.told = true;
            for (index, state) in (0..).zip(&self.pool.cores) {
                if state.has_thread() {
                    let message = if stopping {
                        Message::Force
                    } else {
                        Message::Drain
                    };
                    self.post.to_core(index, message);
                }
            }
            // After that, so that the answers it leads to announce the close.
            self.handle.closing().say();
        }
        let over = (0..).zip(&self.pool.cores).all(|(index, state)| {
            !state.has_thread() || self.is_given_up(index) || self.is_out_of_time(core, index)
        });
        if over {
            self.phase = Phase::Stopped;
        }
    }

    /// Whether a core was told to end at once and does nothing about it.
    fn is_out_of_time(&self, core: &Core, index: u32) -> bool {
        let since = self.stopping_since.map(|since| core.now().since(since));
        since.is_some_and(|since| since >= STOP_PATIENCE) && self.is_silent(index, STOP_PATIENCE)
    }

    /// Takes the connections that the kernel has queued and gives them to the cores, then closes
    /// the listeners: later ones are refused instead of reset.
    pub(super) fn take_queued(&mut self) {
        let cores = self.pool.running();
        let mut next = 0;
        if self.phase == Phase::Draining && !cores.is_empty() {
            // Others may hold a shared one, and listen on.
            for listener in self.listeners.all.iter().filter(|l| !l.seat.shared) {
                // Where it is not allowed a few may come too late and be reset.
                let _ = deafen(listener.socket.as_fd());
            }
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

    /// Lets the control socket finish what it has to say: answers that are owed, and events.
    fn say_the_rest(&mut self, core: &Rc<Core>) {
        let give_up = core.now() + LAST_WORDS;
        while (self.handle.owes_answers() || self.events.are_pending()) && core.now() < give_up {
            core.turn(&mut (), Some(Duration::from_millis(5)));
        }
    }

    /// Cores that are still stuck: their clients learn it, and their threads end with the process.
    fn abandon(&mut self) {
        for (index, slot) in (0..).zip(&mut self.slots) {
            if self.pool.cores[index as usize].has_thread() {
                slot.sockets.shut_down_all();
                tracing::error!(core = index, "a stuck core is left behind");
            }
        }
    }

    pub(super) fn finish(mut self, core: &Rc<Core>) -> Ended {
        self.post.close();
        // Whoever still asks is answered by the dropped reply.
        self.close_parked();
        self.sizing.dismiss();
        self.abandon();
        self.listeners.close();
        self.say_the_rest(core);
        self.operators.files.clear();
        self.end_lanes();
        self.operators.control_file = None;
        if core.teardown(&mut (), Duration::from_secs(1)).is_err() {
            std::mem::forget(core.clone());
        }
        let (connections, requests) = self.final_totals();
        if let Some(error) = self.ended.failed.clone() {
            self.inherit(core, inheritance::Event::Failed(error));
        }
        if let (Some(started), Some(error)) = (self.started.take(), &self.ended.failed) {
            let _ = started.send(Err(error.clone()));
        }
        let successor = self.succession.successor();
        Ended {
            successor,
            connections,
            requests,
            ..self.ended
        }
    }
}
