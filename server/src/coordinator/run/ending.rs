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
use crate::coordinator::plan::Pool;
use ringgate_runtime::Moment;
use std::time::Duration;

/// How long a core may be silent that was told to end at once.
pub(super) const STOP_PATIENCE: Duration = Duration::from_millis(60);

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

    /// Whether the server was told to stop.
    pub(super) fn is_cut_short(&self) -> bool {
        self.stopping_since.is_some()
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
                self.drained = false;
                vec![Act::ServeAgain]
            }
            // It was told to stop meanwhile.
            Event::Resumed => Vec::new(),
            Event::LeftAlone => {
                self.told = true;
                vec![Act::TellCores { force: false }]
            }
            Event::GenerationOver => {
                self.phase = Phase::Stopped;
                Vec::new()
            }
        }
    }

    fn drain(&mut self, view: &View<'_>) -> Vec<Act> {
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
        if matches!(self.phase, Phase::Stopping | Phase::Stopped) {
            return Vec::new();
        }
        self.phase = Phase::Stopping;
        self.stopping_since = Some(view.now);
        self.told = false;
        vec![
            Act::TellGenerations,
            Act::LeaveService,
            Act::Timer(Key::Patience, view.now + STOP_PATIENCE),
            Act::StopAccepting,
            Act::Gate(GatePhase::Stopped),
            Act::Announce { graceful: false },
        ]
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
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::coordinator::plan::{Baton, CoreState, Seat};

    /// One core with one listener.
    struct Server {
        ending: Ending,
        now: Moment,
        rules: Drain,
        pool: Pool,
        silent: bool,
        given_up: bool,
        awaits_a_core: bool,
    }

    impl Server {
        fn new() -> Server {
            let mut seat = Seat::new(0, false);
            seat.baton = Baton::Held(0);
            let mut server = Server {
                ending: Ending::default(),
                now: Moment::default(),
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
                given_up: false,
                awaits_a_core: false,
            };
            assert_eq!(server.on(Event::CoresServe), [Act::Accept]);
            server
        }

        fn phase(&self) -> Phase {
            self.ending.phase()
        }

        fn on(&mut self, event: Event) -> Vec<Act> {
            let view = View {
                now: self.now,
                rules: self.rules,
                pool: &self.pool,
                awaits_a_core: self.awaits_a_core,
                given_up: &[self.given_up],
                silent: &[self.silent],
            };
            let acts = self.ending.on(&view, event);
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
        assert_eq!(server.on(Event::Looked), []);
        assert_eq!(server.phase(), Phase::Stopped);
        assert!(!server.ending.is_cut_short());
        let ended = server.ending.ended();
        assert_eq!((ended.drained, ended.failed, ended.cut), (true, None, 0));
    }

    #[test]
    fn a_drain_is_not_over_while_a_core_is_tried_again_for_those_who_wait() {
        let mut server = Server::new();
        server.pool.cores[0] = CoreState::Resting;
        server.pool.seats[0].baton = Baton::Free;
        server.awaits_a_core = true;
        drop(server.on(Event::Drain));
        assert_eq!(server.on(Event::Looked), []);
        assert_eq!(server.phase(), Phase::Draining);
        server.awaits_a_core = false;
        drop(server.on(Event::Looked));
        assert_eq!(server.phase(), Phase::Stopped);
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
        assert_eq!(server.phase(), Phase::Stopping);
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
        assert_eq!(server.phase(), Phase::Stopping);
        server.now = server.now + STOP_PATIENCE;
        assert_eq!(server.on(Event::Looked), []);
        assert_eq!(server.phase(), Phase::Stopped);
    }

    #[test]
    fn only_what_the_end_of_the_server_cuts_off_is_in_its_result() {
        let mut server = Server::new();
        let cut = |cut| Event::CutOff { core: Some(0), cut };
        assert_eq!(
            server.on(cut(3)),
            [Act::SayCut {
                core: Some(0),
                cut: 3
            }]
        );
        assert_eq!(server.on(cut(0)), [], "nothing to say");
        drop(server.on(Event::Drain));
        assert_eq!(server.on(cut(4)), []);
        drop(server.on(Event::Stop));
        assert_eq!(server.on(cut(5)), []);
        assert_eq!(server.ending.ended().cut, 9);
    }

    #[test]
    fn the_first_failure_is_the_cause_of_the_end_and_a_later_one_changes_nothing() {
        let mut server = Server::new();
        drop(server.on(Event::GivesUp("cores end badly".to_owned())));
        assert_eq!(server.phase(), Phase::Draining);
        drop(server.on(Event::Fails("threads are stuck".to_owned())));
        assert_eq!(server.phase(), Phase::Stopping);
        let acts = server.on(Event::Fails("again".to_owned()));
        assert_eq!(acts, [], "it stops already");
        let ended = server.ending.ended();
        assert_eq!(ended.failed.as_deref(), Some("cores end badly"));
        assert!(ended.drained);
    }

    #[test]
    fn a_server_serves_again_when_its_successor_is_dead_unless_it_was_told_to_stop() {
        let mut server = Server::new();
        assert_eq!(server.on(Event::HandedOver), []);
        assert_eq!(server.phase(), Phase::Draining);
        assert_eq!(server.on(Event::Resumed), [Act::ServeAgain]);
        assert_eq!(server.phase(), Phase::Running);
        assert!(!server.ending.ended().drained, "it goes on");
        drop(server.on(Event::HandedOver));
        drop(server.on(Event::Stop));
        assert_eq!(server.on(Event::Resumed), []);
        assert_eq!(server.phase(), Phase::Stopping);
        let mut server = Server::new();
        drop(server.on(Event::HandedOver));
        assert_eq!(server.on(Event::GenerationOver), []);
        assert_eq!(server.phase(), Phase::Stopped);
    }

    #[test]
    fn a_server_that_was_told_to_end_while_it_started_never_accepts() {
        for (end, phase) in [
            (Event::Stop, Phase::Stopping),
            (Event::Drain, Phase::Draining),
        ] {
            let mut server = Server::new();
            server.ending = Ending::default();
            drop(server.on(end));
            assert_eq!(server.on(Event::CoresServe), []);
            assert_eq!(server.phase(), phase);
        }
    }

    #[test]
    fn a_drain_and_a_stop_are_told_to_all_who_have_to_hear_of_them() {
        let mut server = Server::new();
        let over = server.now + server.rules.grace + server.rules.graceful_timeout;
        let drain = [
            Act::TellGenerations,
            Act::LeaveService,
            Act::KeepACore,
            Act::Timer(Key::GraceOver, over),
            Act::Announce { graceful: true },
            Act::StopAccepting,
        ];
        assert_eq!(server.on(Event::Drain), drain);
        let stop = [
            Act::TellGenerations,
            Act::LeaveService,
            Act::Timer(Key::Patience, server.now + STOP_PATIENCE),
            Act::StopAccepting,
            Act::Gate(GatePhase::Stopped),
            Act::Announce { graceful: false },
        ];
        assert_eq!(server.on(Event::Stop), stop);
    }

    #[test]
    fn nobody_waits_for_the_baton_of_a_stuck_core_nor_for_one_that_is_given_up() {
        let mut server = Server::new();
        drop(server.on(Event::Drain));
        server.pool.stuck[0] = true;
        let acts = server.on(Event::Looked);
        assert!(acts.contains(&Act::TakeQueued), "{acts:?}");
        assert_eq!(server.phase(), Phase::Draining, "its clients wait");
        server.given_up = true;
        drop(server.on(Event::Looked));
        assert_eq!(server.phase(), Phase::Stopped);
    }
}
