//! The number of cores, step by step.

use super::*;
use crate::coordinator::plan::Seat;
use crate::coordinator::reply::{Answer, reply};
use std::num::NonZeroU32;

/// Two slots of at most four cores, of which one to three run by the load.
struct Server {
    sizing: Sizing,
    now: Moment,
    phase: Phase,
    pool: Pool,
    needs_a_core: bool,
}

impl Server {
    fn new() -> Server {
        let number = |number| NonZeroU32::new(number).expect("a number");
        let plan = CorePlan {
            min: number(1),
            max: number(3),
            slots: number(4),
        };
        Server {
            sizing: Sizing::new(&plan, Moment::default()),
            now: Moment::default(),
            phase: Phase::Running,
            pool: Pool {
                target: 2,
                accepting: true,
                spawning: true,
                cores: vec![CoreState::Running, CoreState::Running, CoreState::Absent],
                stuck: vec![false; 3],
                seats: vec![Seat::new(0, false)],
            },
            needs_a_core: false,
        }
    }

    /// Hears of an event, and changes the pool as the hands would.
    fn on(&mut self, event: Event) -> Vec<Act> {
        let view = View {
            now: self.now,
            phase: self.phase,
            pool: &self.pool,
            needs_a_core: self.needs_a_core,
            trim_interval: Duration::from_secs(30),
        };
        let acts = self.sizing.on(&view, event);
        for act in &acts {
            match act {
                Act::Target(cores) => self.pool.target = *cores,
                Act::Rest { core, .. } => self.pool.cores[*core as usize] = CoreState::Resting,
                Act::Wake(core) => self.pool.cores[*core as usize] = CoreState::Absent,
                Act::SayResize { .. }
                | Act::SayGrown { .. }
                | Act::SayShrunk { .. }
                | Act::SayRefused(_)
                | Act::Answer(..)
                | Act::SayStartFailed { .. }
                | Act::SayEndedBadly { .. }
                | Act::StartForTheLast(_)
                | Act::GiveUp(_)
                | Act::SayWhole
                | Act::TellDegraded(_) => {}
            }
        }
        acts
    }

    fn order(&mut self, size: PoolSize, wait: bool) -> Asked {
        let (reply, answer) = reply();
        let reply = Some(reply);
        let acts = self.on(Event::Ordered { size, wait, reply });
        Asked {
            answered: answers(acts),
            answer,
        }
    }

    /// A look, and whether it answers anybody.
    fn look(&mut self) -> bool {
        let acts = self.on(Event::Looked);
        answers(acts)
    }

    fn measured(&mut self, after: Duration, queued: u64, busy: &[u32]) -> Vec<Act> {
        self.now = self.now + after;
        assert!(self.sizing.window(self.now).is_some());
        drop(self.on(Event::Queued(queued)));
        let busy = busy.to_vec();
        self.on(Event::Measured { busy })
    }

    fn start_fails(&mut self, core: u32, why: &str) -> Vec<Act> {
        self.pool.cores[core as usize] = CoreState::Absent;
        let error = why.to_owned();
        self.on(Event::StartFailed { core, error })
    }
}

/// A question, and whether it was answered at once.
struct Asked {
    answered: bool,
    answer: Answer<Result<(), String>>,
}

impl Asked {
    #[track_caller]
    fn result(self) -> Result<(), String> {
        self.answer.wait(Duration::ZERO).expect("an answer")
    }
}

/// Sends the answers among acts. Returns whether there were any.
fn answers(acts: Vec<Act>) -> bool {
    let mut some = false;
    for act in acts {
        if let Act::Answer(reply, result) = act {
            reply.send(result);
            some = true;
        }
    }
    some
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_operators_number_is_taken_up_to_the_slots_and_silences_the_load_until_told_otherwise() {
    let mut server = Server::new();
    let refused = server.order(PoolSize::Cores(5), false).result();
    assert!(refused.expect_err("five").contains("4 slots"));
    assert_eq!((server.pool.target, server.sizing.is_auto()), (2, true));
    assert_eq!(server.order(PoolSize::Cores(4), false).result(), Ok(()));
    assert_eq!((server.pool.target, server.sizing.is_auto()), (4, false));
    assert!(server.measured(SECOND, 9, &[1000; 4]).is_empty());
    // The automatic rules keep to their own bounds.
    assert_eq!(server.order(PoolSize::Auto, false).result(), Ok(()));
    assert_eq!((server.pool.target, server.sizing.is_auto()), (3, true));
}

#[test]
fn who_waits_for_a_size_hears_when_it_is_there_and_not_before() {
    let mut server = Server::new();
    let asked = server.order(PoolSize::Cores(3), true);
    assert!(!asked.answered && !server.look());
    server.pool.cores[2] = CoreState::Starting;
    assert!(!server.look());
    server.pool.cores[2] = CoreState::Running;
    assert!(server.look());
    assert_eq!(asked.result(), Ok(()));
    assert!(!server.look(), "once");
}

#[test]
fn who_waits_hears_of_another_size_and_of_the_end() {
    let mut server = Server::new();
    let first = server.order(PoolSize::Cores(3), true);
    let second = server.order(PoolSize::Cores(1), true);
    assert!(server.look());
    assert!(first.result().expect_err("another").contains("now to be 1"));
    server.phase = Phase::Draining;
    assert!(server.look());
    assert!(second.result().expect_err("the end").contains("draining"));
    let third = server.order(PoolSize::Cores(2), true);
    assert!(third.answered, "at once");
    server.phase = Phase::Running;
    let last = server.order(PoolSize::Cores(2), true);
    drop(server.on(Event::Over));
    assert_eq!(last.answer.wait(Duration::ZERO), None, "nobody answers");
}

#[test]
fn who_waits_no_more_is_forgotten() {
    let mut server = Server::new();
    let (stays, goes) = [(); 2]
        .map(|()| server.order(PoolSize::Cores(3), true))
        .into();
    drop(goes);
    assert!(!server.look());
    assert_eq!(server.sizing.waiting.len(), 1);
    server.pool.cores[2] = CoreState::Running;
    assert!(server.look());
    assert_eq!(stays.result(), Ok(()));
}

#[test]
fn who_waits_for_cores_that_do_not_start_hears_why_and_they_are_tried_on() {
    let mut server = Server::new();
    // Long after the start: the time counts from the question.
    server.now = server.now + Duration::from_secs(3600);
    let asked = server.order(PoolSize::Cores(3), true);
    drop(server.start_fails(2, "no memory"));
    assert!(!server.look());
    server.now = server.now + Duration::from_secs(10);
    assert!(server.look());
    let why = asked.result().expect_err("no third core");
    assert!(why.contains("2 of 3 cores: no memory"), "{why}");
    assert_eq!(server.pool.target, 3);
}

#[test]
fn a_signal_takes_no_last_core_and_gets_no_answer() {
    let mut server = Server::new();
    assert_eq!(server.on(Event::By(-1)).len(), 2);
    assert_eq!(server.pool.target, 1);
    let acts = server.on(Event::By(-1));
    assert!(matches!(acts[..], [Act::SayRefused(_)]), "{acts:?}");
    assert_eq!(server.pool.target, 1);
    server.phase = Phase::Stopping;
    let acts = server.on(Event::By(1));
    assert!(matches!(acts[..], [Act::SayRefused(_)]), "{acts:?}");
}

#[test]
fn the_most_that_was_queued_in_a_window_counts_and_only_in_that_one() {
    let mut server = Server::new();
    drop(server.on(Event::Queued(7)));
    let acts = server.measured(SECOND, 0, &[1000, 1000]);
    assert!(
        matches!(
            acts[..],
            [
                Act::Target(3),
                Act::SayGrown {
                    cores: 3,
                    queued: 7
                }
            ]
        ),
        "{acts:?}"
    );
    server.pool.target = 2;
    assert!(server.measured(SECOND, 0, &[1000, 1000]).is_empty());
}

#[test]
fn a_core_without_work_goes_once_in_a_trim_interval() {
    let mut server = Server::new();
    assert!(server.measured(SECOND, 0, &[0, 0]).is_empty(), "too early");
    let acts = server.measured(SECOND * 30, 0, &[0, 0]);
    assert!(
        matches!(acts[..], [Act::Target(1), Act::SayShrunk { .. }]),
        "{acts:?}"
    );
    server.pool.target = 2;
    assert!(
        server.measured(SECOND, 0, &[0, 0]).is_empty(),
        "too early again"
    );
}

#[test]
fn a_forced_trim_is_refused_with_a_reason() {
    let mut server = Server::new();
    for (busy, queued, expected) in [(vec![0, 0], 1, 2), (vec![0, 0], 0, 1)] {
        let (reply, answer) = reply();
        let acts = server.on(Event::Trim(Demand { busy, queued }, reply));
        assert!(answers(acts));
        let result = answer.wait(Duration::ZERO).expect("an answer");
        assert_eq!(
            (result.is_ok(), server.pool.target),
            (expected == 1, expected)
        );
    }
}

#[test]
fn other_bounds_move_a_number_of_the_load_and_leave_an_operators_alone() {
    let mut server = Server::new();
    drop(server.on(Event::Bounds { min: 3, max: 4 }));
    assert_eq!(server.pool.target, 3);
    drop(server.order(PoolSize::Cores(1), false));
    drop(server.on(Event::Bounds { min: 2, max: 4 }));
    assert_eq!(server.pool.target, 1);
}

#[test]
fn a_place_that_fails_to_start_rests_as_long_as_its_core_is_wanted() {
    for (phase, needs_a_core, rests) in [
        (Phase::Starting, false, true),
        (Phase::Running, false, true),
        (Phase::Draining, true, true),
        (Phase::Draining, false, false),
        (Phase::Stopping, true, false),
    ] {
        let mut server = Server::new();
        (server.phase, server.needs_a_core) = (phase, needs_a_core);
        let acts = server.start_fails(2, "no memory");
        let rest = |act: &Act| matches!(act, Act::Rest { core: 2, .. });
        assert_eq!(acts.iter().any(rest), rests, "{phase:?}: {acts:?}");
    }
}

#[test]
fn a_pool_is_degraded_until_every_core_that_is_wanted_serves() {
    let mut server = Server::new();
    server.pool.target = 3;
    drop(server.start_fails(2, "no memory"));
    let degraded = Degraded {
        serving: 2,
        target: 3,
    };
    let acts = server.on(Event::Looked);
    assert!(
        matches!(acts[..], [Act::TellDegraded(Some(told))] if told == degraded),
        "{acts:?}"
    );
    server.pool.cores[2] = CoreState::Running;
    drop(server.on(Event::CoreUp));
    let acts = server.on(Event::Looked);
    assert!(
        matches!(acts[..], [Act::SayWhole, Act::TellDegraded(None)]),
        "{acts:?}"
    );
    let acts = server.on(Event::Looked);
    assert!(matches!(acts[..], [Act::TellDegraded(None)]), "news once");
}

#[test]
fn a_place_that_has_rested_starts_anew_and_in_a_drain_only_for_those_who_wait() {
    let mut server = Server::new();
    server.pool.cores[2] = CoreState::Resting;
    let acts = server.on(Event::Rested { core: 2 });
    assert!(matches!(acts[..], [Act::Wake(2)]), "{acts:?}");
    assert!(
        server.on(Event::Rested { core: 2 }).is_empty(),
        "it is awake"
    );
    server.phase = Phase::Draining;
    for needs_a_core in [false, true] {
        server.pool.cores[2] = CoreState::Resting;
        server.needs_a_core = needs_a_core;
        let acts = server.on(Event::Rested { core: 2 });
        let starts = matches!(acts[..], [Act::Wake(2), Act::StartForTheLast(2)]);
        assert_eq!(starts, needs_a_core, "{acts:?}");
    }
}

#[test]
fn the_first_bad_end_is_replaced_at_once_the_next_after_a_pause_and_the_sixteenth_is_the_last() {
    let mut server = Server::new();
    let bad = BadEnd::Panicked;
    for nth in 1..ENDS_MAX {
        let acts = server.on(Event::EndedBadly { core: 0, bad });
        let rests = acts
            .iter()
            .any(|act| matches!(act, Act::Rest { core: 0, .. }));
        assert_eq!(rests, nth > 1, "{nth}: {acts:?}");
    }
    let acts = server.on(Event::EndedBadly { core: 0, bad });
    assert!(matches!(acts[..], [Act::GiveUp(_)]), "{acts:?}");
    // Where nothing is replaced, nothing rests, unless somebody waits for a core.
    let mut server = Server::new();
    server.pool.spawning = false;
    for _ in 0..2 {
        let acts = server.on(Event::EndedBadly { core: 0, bad });
        assert!(matches!(acts[..], [Act::SayEndedBadly { .. }]), "{acts:?}");
    }
    server.needs_a_core = true;
    let acts = server.on(Event::EndedBadly { core: 0, bad });
    assert!(
        matches!(acts[..], [_, Act::Rest { core: 0, .. }]),
        "{acts:?}"
    );
}
