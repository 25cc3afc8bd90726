//! How many workers there are, what each has made for itself, and what becomes of those that fail.

use crate::common::{PATIENCE, size};
use crate::support::{Door, block_on, occupy, poll, stateless, wait_status};
use ringgate_runtime::lane::{Ending, Lane, LaneError, LaneSetupError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[test]
fn h13_a_state_is_made_and_dropped_once_on_the_thread_of_its_worker() {
    #[derive(Debug, PartialEq)]
    enum Said {
        Made(String),
        Dropped(String),
    }
    struct State(Sender<Said>, u32);
    fn here() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }
    impl Drop for State {
        fn drop(&mut self) {
            let _ = self.0.send(Said::Dropped(here()));
        }
    }
    let (say, said): (Sender<Said>, Receiver<Said>) = channel();
    let lane = Lane::workers(2)
        .init(move || {
            say.send(Said::Made(here())).map_err(|e| e.to_string())?;
            Ok::<_, String>(State(say.clone(), 0))
        })
        .open("database")
        .expect("a lane");
    assert!(lane.wait_ready(PATIENCE));
    // Before any work came.
    let made: HashSet<String> = said
        .try_iter()
        .map(|said| match said {
            Said::Made(thread) => thread,
            Said::Dropped(thread) => panic!("{thread} dropped its state"),
        })
        .collect();
    let expected = ["rg-database-0", "rg-database-1"].map(str::to_owned);
    assert_eq!(made, HashSet::from(expected));
    let mut seen = 0;
    for _ in 0..size(100) {
        let work = |state: &mut State| {
            state.1 += 1;
            (here(), state.1)
        };
        let (thread, count) = block_on(lane.run(work)).expect("a value");
        assert!(made.contains(&thread), "{thread}");
        seen = seen.max(count);
    }
    assert!(seen >= 50, "one of two has done half of it at least");
    assert_eq!(said.try_iter().count(), 0, "no request made or dropped any");
    lane.close(Ending::Finish);
    lane.join(PATIENCE).expect("they leave");
    let dropped: Vec<Said> = said.try_iter().collect();
    assert_eq!(dropped.len(), 2, "{dropped:?}");
    for thread in made {
        assert!(dropped.contains(&Said::Dropped(thread)), "{dropped:?}");
    }
}

/// Waits as it is dropped, until the other end is dropped.
struct Lingers(Receiver<()>);

impl Drop for Lingers {
    fn drop(&mut self) {
        assert!(self.0.recv().is_err(), "nothing is sent");
    }
}

/// The lane is closed and joined while `Lingers` of its one worker is dropped, and afterwards.
fn is_not_joined_before_the_drop_ends<C>(lane: Lane<C>, keep: Sender<()>) {
    lane.close(Ending::Finish);
    let (say, joined) = channel();
    let joiner = std::thread::spawn(move || {
        for most in [Duration::from_millis(50), Duration::ZERO, PATIENCE] {
            say.send(lane.join(most)).expect("heard");
        }
    });
    let hear = || joined.recv_timeout(PATIENCE / 2);
    assert_eq!(hear(), Ok(Err(1)), "the worker is still there");
    assert_eq!(hear(), Ok(Err(1)), "it was not forgotten");
    drop(keep);
    assert_eq!(hear(), Ok(Ok(())));
    joiner.join().expect("no panic");
}

#[test]
fn a_join_waits_no_longer_than_it_may_for_a_state_that_is_dropped() {
    let (keep, until) = channel();
    let state = Mutex::new(Some(Lingers(until)));
    let made = move || state.lock().expect("unpoisoned").take().ok_or("only one");
    let lane = Lane::workers(1).init(made).open("lingers").expect("a lane");
    assert!(lane.wait_ready(PATIENCE));
    is_not_joined_before_the_drop_ends(lane, keep);
}

#[test]
fn a_join_waits_no_longer_than_it_may_for_what_a_worker_kept_by_thread() {
    thread_local!(static KEPT: RefCell<Option<Lingers>> = const { RefCell::new(None) });
    let (keep, until) = channel();
    let lane = stateless(1, "keeps-late");
    block_on(lane.run(move |()| KEPT.set(Some(Lingers(until))))).expect("kept");
    is_not_joined_before_the_drop_ends(lane, keep);
}

#[test]
fn p1_one_number_sets_both_bounds_of_a_lane() {
    let status = stateless(2, "both").status();
    assert_eq!((status.min, status.max), (2, 2));
}

#[test]
fn p2_a_lane_starts_its_fewest_workers() {
    let lane = Lane::workers(2..=5)
        .stateless()
        .open("fewest")
        .expect("a lane");
    assert_eq!(lane.status().spawned, 2);
    wait_status(&lane, "both wait", |status| status.waiting == 2);
    assert_eq!(lane.status().totals.starts, 2);
}

#[test]
fn p3_a_lane_grows_by_one_for_each_that_finds_nobody_waiting() {
    let lane = Lane::workers(1..=3)
        .stateless()
        .open("grows")
        .expect("a lane");
    wait_status(&lane, "the first waits", |status| status.waiting == 1);
    let door = Door::default();
    let mut busy: Vec<_> = (0..5)
        .map(|_| {
            let door = door.clone();
            lane.run(move |()| door.pass())
        })
        .collect();
    for (index, work) in busy.iter_mut().enumerate() {
        assert!(poll(work).is_pending());
        let expected = (index as u32 + 1).min(3);
        wait_status(&lane, "each is busy", |s| s.busy == expected);
        assert_eq!(lane.status().spawned, expected, "one more, and never above");
    }
    assert_eq!(lane.status().queued, 2);
    door.open();
    busy.into_iter()
        .for_each(|work| block_on(work).expect("done"));
    let status = wait_status(&lane, "idle", |s| s.waiting == 3);
    assert!(status.is_idle() && status.balances(), "{status:?}");
}

#[test]
fn p4_a_worker_takes_what_waits_before_it_heeds_a_trim() {
    let lane = Lane::workers(0..=1)
        .stateless()
        .open("first")
        .expect("a lane");
    let (door, busy) = occupy(&lane);
    let mut waits = lane.run(|()| std::thread::current().id());
    assert!(poll(&mut waits).is_pending());
    assert!(lane.trim(true));
    door.open();
    block_on(busy).expect("done");
    block_on(waits).expect("done by the one that was to leave");
    let status = wait_status(&lane, "then it left", |status| status.spawned == 0);
    assert_eq!(status.totals.starts, 1, "no other worker came");
}

#[test]
fn p5_a_trim_leaves_the_fewest_workers() {
    let lane = Lane::workers(1..=2)
        .stateless()
        .open("keeps")
        .expect("a lane");
    wait_status(&lane, "the first waits", |status| status.waiting == 1);
    assert!(!lane.trim(false) && !lane.trim(true), "the fewest stay");
    let (door, busy) = occupy(&lane);
    let mut second = lane.run(|()| ());
    assert!(poll(&mut second).is_pending());
    block_on(second).expect("done");
    wait_status(&lane, "one works, one waits", |s| {
        (s.busy, s.waiting) == (1, 1)
    });
    assert!(lane.trim(false), "one waits that is not needed");
    wait_status(&lane, "it left", |status| status.spawned == 1);
    door.open();
    block_on(busy).expect("done");
}

#[test]
fn p6_a_forced_trim_never_takes_one_that_works() {
    let lane = Lane::workers(0..=2)
        .stateless()
        .open("trims")
        .expect("a lane");
    let (door, busy) = occupy(&lane);
    assert!(!lane.trim(false), "nobody waits");
    assert!(lane.trim(true), "forced");
    assert_eq!((lane.status().busy, lane.status().trim_requested), (1, 1));
    door.open();
    block_on(busy).expect("it was let end");
    let status = wait_status(&lane, "it left", |status| status.spawned == 0);
    assert_eq!(status.trim_requested, 0);
    assert_eq!(block_on(lane.run(|()| 3)).expect("another comes"), 3);
}

#[test]
fn p7_a_worker_that_nobody_needs_is_trimmed_by_itself() {
    let lane = Lane::workers(1..=3)
        .auto_trim(Some(Duration::from_millis(20)))
        .stateless()
        .open("autotrim")
        .expect("a lane");
    let door = Door::default();
    let mut busy: Vec<_> = (0..3)
        .map(|_| {
            let door = door.clone();
            lane.run(move |()| door.pass())
        })
        .collect();
    busy.iter_mut()
        .for_each(|work| assert!(poll(work).is_pending()));
    wait_status(&lane, "three work", |status| status.busy == 3);
    door.open();
    busy.into_iter()
        .for_each(|work| block_on(work).expect("done"));
    wait_status(&lane, "one stays", |status| status.spawned == 1);
    // Never below the fewest: no tick of the clock is due any more, for the one sleeps for good.
    assert!(!lane.trim(false) && !lane.trim(true));
}

#[test]
fn p8_all_of_it_can_be_read() {
    let lane = Lane::workers(1..=1)
        .queue_limit(1)
        .stateless()
        .open("read-me")
        .expect("a lane");
    let (door, busy) = occupy(&lane);
    let mut waits = lane.run(|()| ());
    assert!(poll(&mut waits).is_pending());
    assert!(matches!(block_on(lane.run(|()| ())), Err(LaneError::Full)));
    let status = lane.status();
    assert_eq!(
        (status.spawned, status.waiting, status.queued, status.busy),
        (1, 0, 1, 1)
    );
    assert_eq!(
        (status.min, status.max, status.queue_limit),
        (1, 1, Some(1))
    );
    assert_eq!(status.totals.refused_full, 1);
    assert!(status.balances(), "{status:?}");
    door.open();
    block_on(busy).expect("done");
    block_on(waits).expect("done");
    assert_eq!(lane.status().totals.finished, 2);
}

#[test]
fn p9_a_dead_worker_is_replaced_with_a_state_of_its_own_and_a_closed_lane_takes_nothing() {
    let made = Arc::new(AtomicU32::new(0));
    let count = made.clone();
    let lane = Lane::workers(1)
        .retry(Duration::from_millis(1), Duration::from_millis(5))
        .init(move || Ok::<_, String>(count.fetch_add(1, Ordering::Relaxed)))
        .open("dies")
        .expect("a lane");
    assert_eq!(block_on(lane.run(|state| *state)).expect("a value"), 0);
    for round in 1..4 {
        let panicked = block_on(lane.run(|_| panic!("round")));
        assert!(matches!(panicked, Err(LaneError::Panicked(_))));
        assert_eq!(block_on(lane.run(|state| *state)).expect("a value"), round);
    }
    let status = lane.status();
    assert_eq!((status.spawned, status.totals.replaced), (1, 3));
    lane.close(Ending::Finish);
    assert!(matches!(block_on(lane.run(|_| ())), Err(LaneError::Closed)));
    lane.join(PATIENCE).expect("it leaves");
    assert_eq!(lane.status().totals.refused_closed, 1);
    assert!(lane.status().balances());
}

#[test]
fn a_state_found_to_be_bad_is_made_anew() {
    let made = Arc::new(AtomicU32::new(0));
    let count = made.clone();
    let lane = Lane::workers(1)
        .init(move || Ok::<_, String>((count.fetch_add(1, Ordering::Relaxed), true)))
        .check(|(_, good)| *good)
        .open("checked")
        .expect("a lane");
    let spoil = |state: &mut (u32, bool)| {
        state.1 = false;
        state.0
    };
    assert_eq!(block_on(lane.run(spoil)).expect("a value"), 0);
    assert_eq!(block_on(lane.run(spoil)).expect("a value"), 1);
    assert_eq!(lane.status().totals.panicked, 0);
}

#[test]
fn a_lane_whose_init_fails_says_so_at_once_and_recovers_by_itself() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let lane = Lane::workers(1..=2)
        .retry(Duration::from_millis(5), Duration::from_millis(20))
        .init(move || match is_up.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err("the database is down"),
        })
        .open("down")
        .expect("a lane");
    assert!(!lane.wait_ready(PATIENCE));
    match block_on(lane.run(|()| ())) {
        Err(LaneError::Unavailable(why)) => assert_eq!(&*why, "the database is down"),
        other => panic!("{other:?}"),
    }
    let status = lane.status();
    assert_eq!(status.unavailable.as_deref(), Some("the database is down"));
    assert_eq!(status.totals.refused_unavailable, 1);
    up.store(true, Ordering::Relaxed);
    wait_status(&lane, "it recovers", |status| status.unavailable.is_none());
    block_on(lane.run(|()| ())).expect("it works");
    let status = lane.status();
    assert!(status.totals.failed_starts > 0 && status.balances());
}

#[test]
fn work_that_may_not_wait_is_refused_where_the_workers_for_it_cannot_start() {
    let tries = AtomicU32::new(0);
    let lane = Lane::workers(1..=3)
        .queue_limit(2)
        .init(move || match tries.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err("one connection is all there is"),
        })
        .open("one")
        .expect("a lane");
    assert!(lane.wait_ready(PATIENCE));
    let (door, busy) = occupy(&lane);
    let work: Vec<_> = (0..20)
        .map(|_| {
            let mut work = lane.run(|()| ());
            assert!(poll(&mut work).is_pending());
            wait_status(&lane, "no other worker starts", |status| {
                status.spawned == 1
            });
            assert!(lane.status().queued <= 2, "{:?}", lane.status());
            work
        })
        .collect();
    let totals = lane.status().totals;
    assert_eq!(totals.turned_away + totals.refused_full, 18);
    door.open();
    block_on(busy).expect("it was done");
    let mut done = 0;
    for work in work {
        match block_on(work) {
            Ok(()) => done += 1,
            Err(error) => assert!(matches!(error, LaneError::Full), "{error}"),
        }
    }
    assert_eq!(done, 2);
    assert!(lane.status().balances());
}

#[test]
fn a_lane_without_any_worker_is_unavailable_and_not_full_where_no_work_may_wait() {
    let lane = Lane::workers(1)
        .queue_limit(0)
        .init(|| Err::<(), _>("the database is down"))
        .open("none")
        .expect("a lane");
    assert!(!lane.wait_ready(PATIENCE));
    let refused = block_on(lane.run(|()| ()));
    assert!(
        matches!(refused, Err(LaneError::Unavailable(_))),
        "{refused:?}"
    );
}

/// Set for the child that runs one test alone.
const ALONE: &str = "RINGGATE_TEST_ALONE";

#[test]
fn a_lane_whose_thread_cannot_be_started_says_so_at_once_and_once() {
    if std::env::var_os(ALONE).is_none() {
        // The address space of the whole process has no room for a stack meanwhile.
        let name = "pool::a_lane_whose_thread_cannot_be_started_says_so_at_once_and_once";
        let child = std::env::current_exe().expect("this program");
        let output = std::process::Command::new(child)
            .args(["--exact", name])
            .env(ALONE, "1")
            .output()
            .expect("run");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
        return;
    }
    let told = Arc::new(Mutex::new(Vec::with_capacity(8)));
    let tell = told.clone();
    let lane = Lane::workers(0..=1)
        .stateless()
        .observe(move |event| tell.lock().expect("unpoisoned").push(format!("{event:?}")))
        .open("threads")
        .expect("a lane");
    let told = || told.lock().expect("unpoisoned").clone();
    let one = Lane::workers(1..=2).queue_limit(1).stateless();
    let one = one.open("one").expect("a lane");
    wait_status(&one, "one waits", |status| status.waiting == 1);
    let (door, busy) = occupy(&one);
    let limit = getrlimit(Resource::As);
    let used: u64 = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .expect("pages");
    let most = Rlimit {
        current: Some(used * rustix::param::page_size() as u64 + (1 << 20)),
        ..limit
    };
    setrlimit(Resource::As, most).expect("lower");
    for _ in 0..2 {
        let refused = block_on(lane.run(|()| ()));
        assert!(matches!(refused, Err(LaneError::Unavailable(_))));
        assert!(matches!(&told()[..], [one] if one.contains("start a thread")));
    }
    let mut within = one.run(|()| ());
    assert!(poll(&mut within).is_pending());
    for _ in 0..3 {
        let refused = block_on(one.run(|()| ()));
        assert!(
            matches!(refused, Err(LaneError::Full)),
            "nobody is started for it"
        );
    }
    let fewest = stateless(2, "fewest");
    let began = Instant::now();
    assert!(!fewest.wait_ready(PATIENCE));
    assert!(began.elapsed() < PATIENCE / 2, "both have failed");
    setrlimit(Resource::As, limit).expect("raise");
    block_on(lane.run(|()| ())).expect("it works");
    assert_eq!(told().len(), 2, "{:?}", told());
    assert_eq!(told()[1], "Recovered");
    door.open();
    block_on(busy).expect("it was done");
    block_on(within).expect("it was done in its turn");
    assert!(one.status().balances());
}

#[test]
fn work_that_waits_when_the_state_cannot_be_made_is_answered() {
    let tries = Arc::new(AtomicU32::new(0));
    let door = Door::default();
    let (count, wait) = (tries.clone(), door.clone());
    let lane = Lane::workers(1)
        .init(move || {
            wait.pass();
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => Err("not yet"),
                _ => Ok(()),
            }
        })
        .open("late")
        .expect("a lane");
    let mut early = lane.run(|()| ());
    assert!(poll(&mut early).is_pending());
    door.open();
    assert!(matches!(block_on(early), Err(LaneError::Unavailable(_))));
    let status = lane.status();
    assert_eq!((status.queued, status.totals.turned_away), (0, 1));
}

#[test]
fn names_and_numbers_that_cannot_be_are_refused() {
    let refused = |lane: Result<Lane, LaneSetupError>| lane.expect_err("refused").to_string();
    let long = refused(Lane::workers(100).stateless().open("my-database"));
    assert!(
        long.contains("my-database") && long.contains("at most 9"),
        "{long}"
    );
    assert!(Lane::workers(9).stateless().open("a-database").is_ok());
    let name = refused(Lane::workers(1).stateless().open("my base"));
    assert!(name.contains("letters"), "{name}");
    let bounds = refused(
        Lane::workers(RangeInclusive::new(5, 4))
            .stateless()
            .open("database"),
    );
    assert!(
        bounds.contains("database") && bounds.contains('5'),
        "{bounds}"
    );
    let none = Lane::in_core(0).open("none").expect_err("refused");
    assert!(none.to_string().contains("none"), "{none}");
}

#[test]
fn the_last_handle_ends_the_lane_and_what_was_submitted_is_done() {
    let ran = Arc::new(AtomicU32::new(0));
    let lane = stateless(1, "last");
    let (door, busy) = occupy(&lane);
    let count = ran.clone();
    let mut last = lane.run(move |()| count.fetch_add(1, Ordering::Relaxed));
    assert!(poll(&mut last).is_pending());
    drop(lane);
    door.open();
    block_on(busy).expect("done");
    block_on(last).expect("done");
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}
