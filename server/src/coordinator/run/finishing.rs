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
            Act::KeepACore if self.needs_a_core() => {
                // Nobody who waits for a core is turned away by the end of the server.
                let absent = self.pool.cores.iter().position(|s| !s.has_thread());
                self.start_for_the_last(core, absent.unwrap_or_default() as u32);
            }
            Act::KeepACore => {}
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
        if !self.succession.has_handed_over() || self.phase() != Phase::Draining {
            self.end_by(core, Event::Looked);
        } else if self.finish_generation(core) {
            self.end_by(core, Event::GenerationOver);
        }
    }

    /// Takes the connections that the kernel has queued and gives them to the cores, then closes
    /// the listeners: later ones are refused instead of reset.
    pub(super) fn take_queued(&mut self) {
        let cores = self.pool.running();
        let mut next = 0;
        if self.phase() == Phase::Draining && !cores.is_empty() {
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

    /// After the last core: whoever waited for a lane is gone, but what a lane has begun is let end.
    fn end_lanes(&self) {
        let (ending, most) = match self.ending.ended().drained && !self.ending.is_cut_short() {
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
        self.size(core, sizing::Event::Over);
        self.abandon();
        self.listeners.close();
        self.say_the_rest(core);
        self.operators.files.clear();
        self.end_lanes();
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
