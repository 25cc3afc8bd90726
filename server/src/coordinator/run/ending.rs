//! How a server ends, as a state machine: readiness goes, batons come back, what the kernel has queued
//! is taken, the cores are told to finish or to stop, and when the last of them is gone.
//!
//! Pure: [`Ending::on`] takes what happened and returns what is to be done; `finishing.rs` performs it.
//! The end of a generation that has handed over is decided by
//! [`Succession`](crate::coordinator::upgrade::succession::Succession).

use super::Phase;
use super::key::Key;
use crate::admission::decide::Phase as GatePhase;
use crate::config::{Drain, DrainPending};
use crate::coordinator::plan::Pool;
use ringgate_runtime::Moment;
use std::time::Duration;

/// How long a core may be silent that was told to end at once.
pub(super) const STOP_PATIENCE: Duration = Duration::from_millis(60);

/// What a decision is made from.
pub(super) struct View<'a> {
    pub(super) now: Moment,
    pub(super) phase: Phase,
    pub(super) rules: Drain,
    pub(super) pool: &'a Pool,
    /// Whether those who wait for a core wait for one that starts, or is to be tried again.
    pub(super) awaits_a_core: bool,
    /// Of each place: whether nobody waits for its stuck core any more.
    pub(super) given_up: &'a [bool],
    /// Of each place: whether its core has shown no life for [`STOP_PATIENCE`].
    pub(super) silent: &'a [bool],
}

/// What may happen to an end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
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
    /// The listeners are another process's, and this one finishes what it has.
    LeftAlone,
}

/// What is to be done.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The processes before and after this one hear that it ends.
    TellGenerations,
    /// The server is in this phase from here on, takes no part in readiness and starts no cores.
    Enter(Phase),
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
    /// The last core is gone.
    Over,
}

/// See the top of the file.
#[derive(Default)]
pub(super) struct Ending {
    /// Whether the cores were told.
    told: bool,
    /// When the server was told to stop, at once or when a drain took too long.
    stopping_since: Option<Moment>,
}

impl Ending {
    /// Whether the server was told to stop.
    pub(super) fn is_cut_short(&self) -> bool {
        self.stopping_since.is_some()
    }

    /// Hears what happened, and returns what is to be done about it, in this order.
    pub(super) fn on(&mut self, view: &View<'_>, event: Event) -> Vec<Act> {
        match event {
            Event::Drain => match view.phase {
                Phase::Starting | Phase::Running => drain(view),
                Phase::Draining | Phase::Stopping | Phase::Stopped => Vec::new(),
            },
            Event::Stop => self.stop(view),
            Event::GatesClose if view.phase == Phase::Draining => close_gates(view.rules),
            Event::GraceOver if view.phase == Phase::Draining => {
                let mut acts = vec![Act::SayCutOff];
                acts.extend(self.stop(view));
                acts
            }
            // Timers of a drain that has become something else meanwhile.
            Event::GatesClose | Event::GraceOver => Vec::new(),
            Event::Looked => self.look(view),
            Event::LeftAlone => {
                self.told = true;
                vec![Act::TellCores { force: false }]
            }
        }
    }

    fn stop(&mut self, view: &View<'_>) -> Vec<Act> {
        if matches!(view.phase, Phase::Stopping | Phase::Stopped) {
            return Vec::new();
        }
        self.stopping_since = Some(view.now);
        self.told = false;
        vec![
            Act::TellGenerations,
            Act::Enter(Phase::Stopping),
            Act::Timer(Key::Patience, view.now + STOP_PATIENCE),
            Act::StopAccepting,
            Act::Gate(GatePhase::Stopped),
            Act::Announce { graceful: false },
        ]
    }

    /// The steps of an end, each when the one before is done.
    fn look(&mut self, view: &View<'_>) -> Vec<Act> {
        let stopping = match view.phase {
            Phase::Draining => false,
            Phase::Stopping => true,
            Phase::Starting | Phase::Running | Phase::Stopped => return Vec::new(),
        };
        let pool = view.pool;
        // Who is stuck gives nothing back; his listeners are emptied all the same.
        let mut holders = pool.seats.iter().filter_map(|seat| seat.baton.holder());
        let held = holders.any(|holder| !pool.is_stuck(holder));
        let closed = stopping || !pool.accepting;
        let mut acts = Vec::new();
        if !self.told && !view.awaits_a_core && closed && (!held || stopping) {
            if !held {
                acts.push(Act::TakeQueued);
            }
            self.told = true;
            acts.push(Act::TellCores { force: stopping });
            // After that, so that the answers it leads to announce the close.
            acts.push(Act::SayClosing);
        }
        let since = self.stopping_since.map(|since| view.now.since(since));
        let impatient = since.is_some_and(|since| since >= STOP_PATIENCE);
        let over = pool.cores.iter().enumerate().all(|(place, state)| {
            !state.has_thread() || view.given_up[place] || impatient && view.silent[place]
        });
        if over && (stopping || !view.awaits_a_core) {
            acts.push(Act::Over);
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
        Act::Enter(Phase::Draining),
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
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::coordinator::plan::{Baton, CoreState, Seat};

    /// One core with one listener.
    struct Server {
        ending: Ending,
        now: Moment,
        phase: Phase,
        rules: Drain,
        pool: Pool,
        silent: bool,
        awaits_a_core: bool,
    }

    impl Server {
        fn new() -> Server {
            let mut seat = Seat::new(0, false);
            seat.baton = Baton::Held(0);
            Server {
                ending: Ending::default(),
                now: Moment::default(),
                phase: Phase::Running,
                rules: Config::default().drain,
                pool: Pool {
                    target: 1,
                    accepting: true,
                    spawning: true,
                    cores: vec![CoreState::Running],
                    stuck: vec![false],
                    seats: vec![seat],
                },
                silent: false,
                awaits_a_core: false,
            }
        }

        fn on(&mut self, event: Event) -> Vec<Act> {
            let view = View {
                now: self.now,
                phase: self.phase,
                rules: self.rules,
                pool: &self.pool,
                awaits_a_core: self.awaits_a_core,
                given_up: &[false],
                silent: &[self.silent],
            };
            let acts = self.ending.on(&view, event);
            for act in &acts {
                if let Act::Enter(phase) = act {
                    self.phase = *phase;
                }
            }
            self.pool.accepting &= !acts.contains(&Act::StopAccepting);
            acts
        }
    }

    #[test]
    fn the_cores_are_told_of_a_drain_when_the_last_baton_is_back_and_only_once() {
        let mut server = Server::new();
        assert!(server.on(Event::Drain).contains(&Act::StopAccepting));
        assert_eq!(server.on(Event::Drain), [], "a second word changes nothing");
        assert_eq!(server.on(Event::Looked), [], "it still accepts");
        server.pool.seats[0].baton = Baton::Free;
        let told = [
            Act::TakeQueued,
            Act::TellCores { force: false },
            Act::SayClosing,
        ];
        assert_eq!(server.on(Event::Looked), told);
        assert_eq!(server.on(Event::Looked), []);
        server.pool.cores[0] = CoreState::Absent;
        assert_eq!(server.on(Event::Looked), [Act::Over]);
        assert!(!server.ending.is_cut_short());
    }

    #[test]
    fn a_drain_is_not_over_while_a_core_is_tried_again_for_those_who_wait() {
        let mut server = Server::new();
        server.pool.cores[0] = CoreState::Resting;
        server.pool.seats[0].baton = Baton::Free;
        server.awaits_a_core = true;
        drop(server.on(Event::Drain));
        assert_eq!(server.on(Event::Looked), []);
        server.awaits_a_core = false;
        assert!(server.on(Event::Looked).contains(&Act::Over));
    }

    #[test]
    fn a_drain_with_a_grace_accepts_until_that_is_over() {
        let mut server = Server::new();
        server.rules.grace = Duration::from_secs(5);
        server.rules.pending = DrainPending::Refuse;
        let close = server.now + server.rules.grace;
        let acts = server.on(Event::Drain);
        assert!(
            acts.contains(&Act::Timer(Key::CloseGates, close)),
            "{acts:?}"
        );
        server.pool.seats[0].baton = Baton::Free;
        assert_eq!(server.on(Event::Looked), []);
        let closed = [Act::StopAccepting, Act::Gate(GatePhase::Draining)];
        assert_eq!(server.on(Event::GatesClose), closed);
        assert_ne!(server.on(Event::Looked), []);
    }

    #[test]
    fn a_drain_that_takes_too_long_becomes_a_stop_and_the_cores_are_told_again() {
        let mut server = Server::new();
        drop(server.on(Event::Drain));
        server.pool.seats[0].baton = Baton::Free;
        drop(server.on(Event::Looked));
        let acts = server.on(Event::GraceOver);
        assert_eq!(acts[0], Act::SayCutOff);
        assert!(acts.contains(&Act::Enter(Phase::Stopping)), "{acts:?}");
        assert!(
            server
                .on(Event::Looked)
                .contains(&Act::TellCores { force: true })
        );
        assert_eq!(server.on(Event::GraceOver), [], "once");
        assert!(server.ending.is_cut_short());
    }

    #[test]
    fn a_stop_waits_for_a_silent_core_only_as_long_as_its_patience() {
        let mut server = Server::new();
        drop(server.on(Event::Stop));
        // It is told although it has not given its baton back.
        let told = [Act::TellCores { force: true }, Act::SayClosing];
        assert_eq!(server.on(Event::Looked), told);
        server.silent = true;
        assert_eq!(server.on(Event::Looked), []);
        server.now = server.now + STOP_PATIENCE;
        assert_eq!(server.on(Event::Looked), [Act::Over]);
    }
}
