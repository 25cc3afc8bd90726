//! The end of a server, step by step.

use super::*;
use crate::config::Config;
use crate::coordinator::plan::{Baton, Seat};

/// One core with one listener.
struct Server {
    ending: Ending,
    now: Moment,
    rules: Drain,
    pool: Pool,
    silent: bool,
    given_up: bool,
    awaits_a_core: bool,
    lacks_a_core: bool,
    lingers: bool,
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
            lacks_a_core: false,
            lingers: false,
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
            lacks_a_core: self.lacks_a_core,
            lingers: self.lingers,
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
fn a_drain_waits_for_threads_that_linger_until_it_becomes_a_stop() {
    let mut server = Server::new();
    drop(server.on(Event::Drain));
    server.pool.seats.clear();
    server.pool.cores[0] = CoreState::Absent;
    server.lingers = true;
    drop(server.on(Event::Looked));
    assert_eq!(server.phase(), Phase::Draining);
    drop(server.on(Event::GraceOver));
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
fn what_lanes_have_begun_is_cut_short_by_a_stop_and_by_the_end_of_the_graceful_time() {
    for (end, says) in [
        (Event::Stop, None),
        (Event::GraceOver, Some(Act::SayCutOff)),
    ] {
        let mut server = Server::new();
        drop(server.on(Event::Drain));
        server.pool.cores[0] = CoreState::Absent;
        server.pool.seats[0].baton = Baton::Free;
        drop(server.on(Event::Looked));
        assert_eq!(server.phase(), Phase::Stopped);
        assert!(!server.ending.is_cut_short());
        assert_eq!(server.on(end).pop(), says);
        assert!(server.ending.is_cut_short());
        assert_eq!(server.on(Event::GraceOver), [], "once");
    }
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
fn a_stop_waits_for_a_core_that_starts_only_as_long_as_its_patience() {
    let mut server = Server::new();
    server.pool.cores[0] = CoreState::Starting;
    server.awaits_a_core = true;
    let acts = server.on(Event::Stop);
    let patience = Act::Timer(Key::Patience, server.now + START_PATIENCE);
    assert!(acts.contains(&patience), "{acts:?}");
    // It hears it when it is up, if it ever is.
    let told = server.on(Event::Looked);
    assert!(told.contains(&Act::TellCores { force: true }), "{told:?}");
    server.now = server.now + STOP_PATIENCE;
    assert_eq!(server.on(Event::Looked), []);
    assert_eq!(server.phase(), Phase::Stopping);
    server.now = server.now + (START_PATIENCE - STOP_PATIENCE);
    assert_eq!(server.on(Event::Looked), []);
    assert_eq!(server.phase(), Phase::Stopped);
}

#[test]
fn a_drain_starts_a_core_for_connections_that_come_back_when_every_core_is_over() {
    let mut server = Server::new();
    assert_eq!(server.on(Event::HandedOver), []);
    // What was on its way to a newer process that is dead, while one after it serves.
    server.pool.seats.clear();
    server.pool.cores[0] = CoreState::Absent;
    let told = [Act::StopAccepting, Act::TellCores { force: false }];
    assert_eq!(server.on(Event::LeftAlone), told);
    server.lacks_a_core = true;
    assert_eq!(server.on(Event::Looked), [Act::KeepACore]);
    assert_eq!(server.phase(), Phase::Draining);
    server.pool.cores[0] = CoreState::Starting;
    (server.lacks_a_core, server.awaits_a_core) = (false, true);
    assert_eq!(server.on(Event::Looked), []);
    server.pool.cores[0] = CoreState::Running;
    server.awaits_a_core = false;
    let told = server.on(Event::Looked);
    assert!(told.contains(&Act::TellCores { force: false }), "{told:?}");
    assert_eq!(server.on(Event::Looked), [], "once");
    server.pool.cores[0] = CoreState::Absent;
    drop(server.on(Event::Looked));
    assert_eq!(server.phase(), Phase::Stopped);
}

#[test]
fn a_core_that_comes_after_the_others_were_told_of_a_drain_is_told_as_well() {
    let mut server = Server::new();
    drop(server.on(Event::Drain));
    server.pool.seats.clear();
    let told = |acts: &[Act]| acts.contains(&Act::TellCores { force: false });
    assert!(told(&server.on(Event::Looked)));
    // It ends badly, is tried again after a pause, and starts.
    server.awaits_a_core = true;
    for state in [CoreState::Resting, CoreState::Starting] {
        server.pool.cores[0] = state;
        assert_eq!(server.on(Event::Looked), []);
    }
    server.awaits_a_core = false;
    server.pool.cores[0] = CoreState::Running;
    assert!(told(&server.on(Event::Looked)));
}

#[test]
fn a_server_that_gives_up_on_its_cores_starts_none_for_those_who_wait() {
    let mut server = Server::new();
    drop(server.on(Event::GivesUp("cores end badly".to_owned())));
    server.pool.cores[0] = CoreState::Absent;
    server.pool.seats[0].baton = Baton::Free;
    server.lacks_a_core = true;
    let acts = server.on(Event::Looked);
    assert!(!acts.contains(&Act::KeepACore), "{acts:?}");
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
