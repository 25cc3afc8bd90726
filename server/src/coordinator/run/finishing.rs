//! The hands of the end of a server: performs what [`Ending`](super::ending::Ending) decides, and turns
//! out the light after the last core.
//!
//! Called by the loop of [`super`]. Decides nothing about what comes when.

use super::ending::{Act, Event, STOP_PATIENCE, View};
use super::{Coordinator, Phase, sizing};
use crate::admission::door::now;
use crate::connection::{Fresh, ListenerId, Message};
use crate::coordinator::events::ServerEvent;
use crate::coordinator::handle::Ended;
use crate::coordinator::plan::CoreState;
use crate::coordinator::upgrade::{inheritance, succession};
use ringgate_runtime::lane::Ending;
use ringgate_runtime::sys::listener::{accept_nonblocking, deafen};
use ringgate_runtime::{Core, Descriptor};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

/// How long the end sleeps between two looks at what lanes have begun.
const LANES_PAUSE: Duration = Duration::from_millis(5);
/// How long a server that stops at once waits for what its lanes have begun.
const LANES_PATIENCE: Duration = Duration::from_millis(100);
/// How long the end waits for readers of the control socket to take what is owed to them.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the end of a process that has handed over waits for the service manager to take whom it is to watch
/// from now on; without that word it ends the whole service.
const MAIN_PID_PATIENCE: Duration = Duration::from_secs(10);
/// How long the end waits for the output of the access log to take the last lines.
const ACCESS_LOG_PATIENCE: Duration = Duration::from_secs(2);

impl Coordinator {
    pub(super) fn drain(&mut self, core: &Rc<Core>) {
        self.end_by(core, Event::Drain);
    }

    pub(super) fn stop(&mut self, core: &Rc<Core>) {
        self.end_by(core, Event::Stop);
    }

    /// Lets the end hear what happened, and does what it says.
    pub(super) fn end_by(&mut self, core: &Rc<Core>, event: Event) {
        let places = 0..self.slots.len() as u32;
        let given_up: Vec<bool> = places
            .clone()
            .map(|place| self.is_given_up(place))
            .collect();
        let silent: Vec<bool> = places
            .map(|place| self.is_silent(place, STOP_PATIENCE))
            .collect();
        let view = View {
            now: core.now(),
            rules: self.config.drain,
            pool: &self.pool,
            awaits_a_core: self.awaits_a_core(),
            lacks_a_core: self.lacks_a_core(),
            lingers: !self.lingering.is_empty(),
            given_up: &given_up,
            silent: &silent,
        };
        for act in self.ending.on(&view, event) {
            self.perform_end(core, act);
        }
    }

    fn perform_end(&mut self, core: &Rc<Core>, act: Act) {
        match act {
            Act::TellGenerations => {
                self.succeed(core, succession::Event::ServerEnds);
                self.inherit(core, inheritance::Event::EndsOnPurpose);
            }
            Act::Accept => self.pool.accepting = true,
            Act::LeaveService => {
                self.handle.set_ready(false);
                self.pool.spawning = false;
            }
            Act::KeepACore => self.keep_a_core(core),
            Act::Timer(key, at) => {
                core.set_timer(at, key.to_key());
            }
            Act::Announce { graceful } => {
                tracing::info!("{}", if graceful { "draining" } else { "stopping" });
                self.say_stopping();
                self.events.emit(&ServerEvent::Finish { graceful });
            }
            Act::SayCutOff => {
                tracing::warn!("the graceful timeout is over; what is left is cut off");
            }
            Act::StopAccepting => self.pool.accepting = false,
            Act::Gate(phase) => self.gate.set_phase(phase, now()),
            Act::TakeQueued => self.take_queued(),
            Act::TellCores { force: true } => self.tell_cores(|| Message::Force),
            Act::TellCores { force: false } => self.tell_cores(|| Message::Drain),
            Act::SayClosing => self.handle.closing().say(),
            Act::ServeAgain => self.serve_again(core),
            Act::SayCut { core: place, cut } => {
                tracing::warn!(core = place, cut, "connections were cut off");
            }
        }
    }

    /// A look at the end of a server, or of a generation that has handed over.
    pub(super) fn end(&mut self, core: &Rc<Core>) {
        // Nobody tells that a thread is gone: each tick looks.
        self.join_lingering();
        if !self.succession.has_handed_over() || self.phase() != Phase::Draining {
            self.end_by(core, Event::Looked);
        } else if self.finish_generation(core) {
            self.end_by(core, Event::GenerationOver);
        }
    }

    /// Takes the connections that the kernel has queued and gives them to the cores, then closes
    /// the listeners: later ones are refused instead of reset.
    pub(super) fn take_queued(&mut self) {
        let mut cores = self.pool.heirs();
        if cores.is_empty() {
            // One that is stuck may go on before the drain is over.
            cores = self.pool.serving();
        }
        let mut next = 0;
        // As long as the process before this one has not given everything up, it has the same sockets and takes them
        // back: one that is deaf would be deaf there, too.
        let ours = !self.inheritance.is_coming();
        if self.phase() == Phase::Draining && !cores.is_empty() && ours {
            // Others may hold a shared one, and listen on.
            for listener in self.listeners.all.iter().filter(|l| !l.seat.shared) {
                // Where it is not allowed a few may come too late and be reset.
                let _ = deafen(listener.socket.as_fd());
            }
            for (index, listener) in (0..).zip(&self.listeners.all) {
                while let Ok(Some(socket)) = accept_nonblocking(listener.socket.as_fd()) {
                    let message = Message::Adopt(Fresh {
                        socket: Descriptor::from(socket),
                        listener: ListenerId(index),
                        opening: self.listeners.opening_of(ListenerId(index)),
                    });
                    self.post.to_core(cores[next % cores.len()], message);
                    next += 1;
                }
            }
        }
        self.listeners.close();
        self.pool.seats.clear();
    }

    /// After the last core: whoever waited for a lane is gone, but what a lane has begun is let end in a drain, until
    /// its time is over or the server is told to stop. Signals, timers and the control socket are heard meanwhile.
    fn end_lanes(&mut self, core: &Rc<Core>) {
        let handle = self.handle.clone();
        let lanes = handle.lanes();
        if self.ending.ended().drained && !self.ending.is_cut_short() {
            lanes.close(Ending::Finish);
            // The timer of the drain is over before this.
            let until = core.now() + self.config.drain.graceful_timeout;
            while lanes.are_busy()
                && !self.ending.is_cut_short()
                && core.failed().is_none()
                && core.now() < until
            {
                core.turn(self, Some(LANES_PAUSE));
            }
        }
        lanes.end(LANES_PATIENCE);
    }

    /// Lets the control socket finish what it has to say, answers that are owed and events, and the service manager
    /// hear whom it is to watch.
    fn say_the_rest(&mut self, core: &Rc<Core>) {
        let began = core.now();
        loop {
            let owes_readers = self.handle.owes_answers() || self.events.are_pending();
            let owes_manager = self.manager.as_mut().is_some_and(|manager| {
                manager.say_again();
                manager.owes_main_pid()
            });
            let passed = core.now() - began;
            let waits =
                owes_readers && passed < LAST_WORDS || owes_manager && passed < MAIN_PID_PATIENCE;
            if !waits {
                return;
            }
            core.turn(&mut (), Some(Duration::from_millis(5)));
        }
    }

    /// Cores that are still stuck, or are not up yet: their clients learn it, and their threads end with the process, or once
    /// they hear what they are told here.
    fn abandon(&mut self) {
        for (index, slot) in (0..).zip(&mut self.slots) {
            let state = self.pool.cores[index as usize];
            if !state.has_thread() {
                continue;
            }
            slot.sockets.shut_down_all();
            // What it had to hear was taken out of its mailbox with the connections.
            self.post.to_core(index, Message::Force);
            match state {
                CoreState::Starting => {
                    tracing::error!(core = index, "a core that is not up yet is left behind");
                }
                _ => tracing::error!(core = index, "a stuck core is left behind"),
            }
        }
    }

    pub(super) fn finish(mut self, core: &Rc<Core>) -> Ended {
        // Nobody is served any more, whatever the lanes still do.
        self.pool.spawning = false;
        self.listeners.close();
        self.pool.seats.clear();
        self.refuse_parked();
        self.end_lanes(core);
        let unheard = self.post.close();
        // Whoever still asks is answered by the dropped reply.
        self.close_parked(unheard);
        self.size(core, sizing::Event::Over);
        self.abandon();
        self.say_the_rest(core);
        self.operators.files.clear();
        self.operators.control_file = None;
        if let Some(access_log) = &self.operators.access_log {
            access_log.finish(ACCESS_LOG_PATIENCE);
        }
        if core.teardown(&mut (), Duration::from_secs(1)).is_err() {
            std::mem::forget(core.clone());
        }
        let (connections, requests) = self.final_totals(core);
        let ended = self.ending.ended();
        if let Some(error) = ended.failed.clone() {
            self.inherit(core, inheritance::Event::Failed(error));
        }
        if let Some(started) = self.started.take() {
            // Whoever started the server still waits if it was told to end first: that is no failure.
            let _ = started.send(ended.failed.clone().map_or(Ok(()), Err));
        }
        let successor = self.succession.successor();
        Ended {
            successor,
            connections,
            requests,
            ..ended
        }
    }
}
