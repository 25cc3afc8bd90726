//! Lanes on real threads and real cores: what callers see, what the counters say, who is alive.
//! The rules by which a pool grows and shrinks are tested where they are written; here is what they
//! come to.

mod common;

use common::{PATIENCE, core, run, size};
use ringgate_runtime::lane::{Ending, Lane, LaneError, LaneSetupError, LaneStatus};
use ringgate_runtime::{Priority, sleep, timeout};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Waits until the lane stands so.
#[track_caller]
fn wait_status<C>(lane: &Lane<C>, what: &str, holds: impl Fn(&LaneStatus) -> bool) -> LaneStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = lane.status();
        if holds(&status) {
            return status;
        }
        assert!(Instant::now() < until, "{what}: {status:?}");
        std::thread::yield_now();
    }
}

/// A door that work waits at until the test opens it.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn open(&self) {
        *self.0.0.lock().expect("unpoisoned") = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().expect("unpoisoned");
        let waited = self.0.1.wait_timeout_while(open, PATIENCE, |open| !*open);
        assert!(*waited.expect("unpoisoned").0, "nobody opened the door");
    }
}

/// Polls once.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(future).poll(&mut cx)
}

/// Waits for a future in this thread, without a core.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    let until = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        let left = until.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the future does not end");
        std::thread::park_timeout(left);
    }
}

fn stateless(workers: u32, name: &str) -> Lane {
    let lane = Lane::workers(workers).stateless().open(name);
    lane.unwrap_or_else(|error| panic!("{error}"))
}

/// Occupies a worker until the door opens.
fn occupy(
    lane: &Lane,
) -> (
    Door,
    impl Future<Output = Result<(), LaneError>> + Unpin + use<>,
) {
    let door = Door::default();
    let wait = door.clone();
    let mut busy = lane.run(move |()| wait.pass());
    assert!(poll(&mut busy).is_pending());
    wait_status(lane, "a worker is busy", |status| status.busy > 0);
    (door, busy)
}

#[test]
fn t7_a_task_resumes_where_it_was_with_the_value_the_error_the_panic_or_the_cancellation() {
    let lane = stateless(1, "seven");
    let on_core = lane.clone();
    run(&core(), async move {
        let before = 41;
        let value = on_core.run(move |()| before + 1).await;
        assert_eq!(before + 1, value.expect("a value"));
        let error: Result<Result<u32, _>, _> = on_core.run(|()| "forty-two".parse::<u32>()).await;
        assert!(error.expect("the work ran").is_err());
        let panicked = on_core.run(|()| panic!("out of bones")).await;
        match panicked {
            Err(LaneError::Panicked(panic)) => assert_eq!(panic.message(), "out of bones"),
            other => panic!("{other:?}"),
        }
        assert_eq!(on_core.run(|()| 7).await.expect("it works on"), 7);
    });
    let (door, busy) = occupy(&lane);
    let mut waiting = lane.run(|()| ());
    assert!(poll(&mut waiting).is_pending());
    lane.close(Ending::Cancel);
    assert!(matches!(block_on(waiting), Err(LaneError::Cancelled)));
    door.open();
    assert!(block_on(busy).is_ok(), "what ran was let run");
    assert_eq!(lane.join(PATIENCE), Ok(()));
    assert!(lane.status().balances(), "{:?}", lane.status());
}

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
fn a_dropped_future_takes_work_that_has_not_begun_out_of_the_queue() {
    let lane = stateless(1, "dropped");
    let (door, busy) = occupy(&lane);
    let ran = Arc::new(AtomicBool::new(false));
    let runs = ran.clone();
    let held = Arc::new(());
    let holds = held.clone();
    let mut waits = lane.run(move |()| {
        let _holds = &holds;
        runs.store(true, Ordering::Relaxed);
    });
    assert!(poll(&mut waits).is_pending());
    assert_eq!(lane.status().queued, 1);
    drop(waits);
    assert_eq!(lane.status().queued, 0);
    assert_eq!(Arc::strong_count(&held), 1, "what it held is free at once");
    drop(busy);
    assert_eq!(lane.status().busy, 1, "what runs is let run");
    door.open();
    block_on(lane.run(|()| ())).expect("the worker goes on");
    assert!(!ran.load(Ordering::Relaxed));
    let status = lane.status();
    assert_eq!((status.totals.cancelled, status.totals.finished), (1, 2));
    assert!(status.is_idle() && status.balances(), "{status:?}");
}

#[test]
fn work_that_waits_too_long_is_given_up_on_a_core_and_elsewhere() {
    let lane = Lane::workers(1)
        .queue_timeout(Duration::from_millis(20))
        .stateless()
        .open("patient")
        .expect("a lane");
    let (door, busy) = occupy(&lane);
    let on_core = lane.clone();
    run(&core(), async move {
        let late = on_core.run(|()| ()).await;
        assert!(matches!(late, Err(LaneError::TimedOut)), "{late:?}");
    });
    assert_eq!(lane.status().queued, 0);
    let mut elsewhere = lane.run(|()| ());
    assert!(poll(&mut elsewhere).is_pending());
    let until = Instant::now() + Duration::from_millis(25);
    while Instant::now() < until {
        std::thread::yield_now();
    }
    door.open();
    block_on(busy).expect("what has begun is never late");
    assert!(matches!(block_on(elsewhere), Err(LaneError::TimedOut)));
    let status = lane.status();
    assert_eq!(status.totals.timed_out, 2);
    assert!(status.is_idle() && status.balances(), "{status:?}");
}

#[test]
fn t12_urgent_work_is_done_first_and_the_rest_is_not_forgotten() {
    let lane = stateless(1, "urgent");
    let (door, busy) = occupy(&lane);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut all: Vec<_> = [Priority::Background, Priority::Normal, Priority::High]
        .into_iter()
        .flat_map(|priority| std::iter::repeat_n(priority, 40))
        .map(|priority| {
            let order = order.clone();
            lane.run_as(priority, move |()| {
                order.lock().expect("unpoisoned").push(priority);
            })
        })
        .collect();
    all.iter_mut()
        .for_each(|work| assert!(poll(work).is_pending()));
    door.open();
    block_on(busy).expect("done");
    all.into_iter()
        .for_each(|work| block_on(work).expect("done"));
    let order = order.lock().expect("unpoisoned");
    assert_eq!(order[0], Priority::High);
    let bound = ringgate_runtime::class::PASSED_OVER_BOUND as usize;
    let first = |class| order.iter().position(|c| *c == class).expect("it ran");
    assert!(first(Priority::Normal) <= bound, "{order:?}");
    assert!(first(Priority::Background) <= bound, "{order:?}");
}

#[test]
fn t11_a_lane_without_work_does_not_look_for_any() {
    let lane = Lane::workers(2..=4)
        .stateless()
        .open("quiet")
        .expect("a lane");
    let ticks = || -> u64 {
        let tasks = std::fs::read_dir("/proc/self/task").expect("/proc");
        let switches = tasks.flatten().filter_map(|task| {
            let comm = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let status = std::fs::read_to_string(task.path().join("status")).ok()?;
            let line = status
                .lines()
                .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
            let count: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
            comm.starts_with("rg-quiet-").then_some(count)
        });
        switches.sum()
    };
    assert!(lane.wait_ready(PATIENCE));
    wait_status(&lane, "they wait", |status| status.waiting == 2);
    let core = core();
    let settled = {
        let until = Instant::now() + PATIENCE;
        let mut before = ticks();
        loop {
            run(&core, sleep(Duration::from_millis(30)));
            let now = ticks();
            if now == before {
                break now;
            }
            assert!(Instant::now() < until, "they never sleep");
            before = now;
        }
    };
    run(&core, sleep(Duration::from_millis(200)));
    assert_eq!(ticks(), settled, "nobody woke");
}

#[test]
fn t11_a_worker_may_look_for_work_for_a_bounded_time() {
    let lane = Lane::workers(1)
        .spin(Duration::from_micros(200))
        .stateless()
        .open("spins")
        .expect("a lane");
    for round in 0..size(2000) {
        assert_eq!(block_on(lane.run(move |()| round)).expect("a value"), round);
    }
    let status = lane.status();
    assert!(status.is_idle() && status.balances(), "{status:?}");
    lane.close(Ending::Finish);
    lane.join(PATIENCE).expect("it leaves, spinning or asleep");
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
fn t14_a_lane_in_the_core_has_the_same_limits_and_counters_and_no_thread() {
    let lane = Lane::in_core(2)
        .queue_limit(1)
        .queue_timeout(Duration::from_millis(20))
        .open("inside")
        .expect("a lane");
    let threads = || std::fs::read_dir("/proc/self/task").expect("/proc").count();
    let core = core();
    let inside = lane.clone();
    run(&core, async move {
        let here = std::thread::current().id();
        let running = Rc::new(Cell::new(0));
        let most = Rc::new(Cell::new(0));
        let before = threads();
        let operation = |time: u64| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                assert_eq!(std::thread::current().id(), here);
                sleep(Duration::from_millis(time)).await;
                running.set(running.get() - 1);
                time
            }
        };
        let core = ringgate_runtime::current();
        let start = |time| {
            let lane = inside.clone();
            let operation = operation(time);
            core.spawn(async move { lane.run(operation).await })
        };
        let two = [start(40), start(60)];
        sleep(Duration::from_millis(1)).await;
        assert_eq!(inside.status().busy, 2);
        let late = start(1);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(inside.status().queued, 1);
        assert!(matches!(
            inside.run(operation(1)).await,
            Err(LaneError::Full)
        ));
        assert!(matches!(late.await, Ok(Err(LaneError::TimedOut))));
        for (task, time) in two.into_iter().zip([40, 60]) {
            assert!(matches!(task.await, Ok(Ok(found)) if found == time));
        }
        assert_eq!(most.get(), 2);
        let panicked = inside.run(async { panic!("inside") }).await;
        assert!(matches!(panicked, Err(LaneError::Panicked(_))));
        // Dropped: the operation goes with what waits for it.
        let held = Rc::new(());
        let holds = held.clone();
        let endless = inside.run(async move {
            let _holds = holds;
            std::future::pending::<()>().await;
        });
        assert!(timeout(Duration::from_millis(5), endless).await.is_err());
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(threads() <= before, "no thread was made");
    });
    let status = lane.status();
    assert!(status.is_idle() && status.balances(), "{status:?}");
    let totals = status.totals;
    assert_eq!((totals.finished, totals.panicked), (2, 1));
    assert_eq!((totals.timed_out, totals.cancelled), (1, 1));
    assert_eq!(totals.refused_full, 1);
}

#[test]
fn t2_lanes_of_any_name_live_side_by_side_without_harm() {
    let database = stateless(1, "database");
    let mail = stateless(1, "mail");
    let weather = Lane::in_core(1).open("weather").expect("a lane");
    let (door, stuck) = occupy(&mail);
    run(&core(), async move {
        for round in 0..size(50) {
            let value = database.run(move |()| round).await;
            assert_eq!(value.expect("mail being stuck is no harm"), round);
            let value = weather.run(async move { round }).await;
            assert_eq!(value.expect("nor here"), round);
        }
        let thread = || std::thread::current().name().map(str::to_owned);
        let ran_on = database.run(move |()| thread()).await;
        assert_eq!(ran_on.expect("a name").as_deref(), Some("rg-database-0"));
    });
    door.open();
    block_on(stuck).expect("done");
}

/// Small, repeatable and not secret.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[test]
fn futures_dropped_at_random_leak_nothing_and_count_nothing_twice() {
    let live = Arc::new(());
    let lane = Lane::workers(1..=3)
        .queue_limit(40)
        .queue_timeout(Duration::from_millis(3))
        .retry(Duration::from_millis(1), Duration::from_millis(2))
        .stateless()
        .open("random")
        .expect("a lane");
    let inside = Lane::in_core(3)
        .queue_limit(20)
        .open("inside")
        .expect("a lane");
    let (workers, in_core, held) = (lane.clone(), inside.clone(), live.clone());
    run(&core(), async move {
        let dice = Rc::new(RefCell::new(Dice(0x9e37_79b9_7f4a_7c15)));
        let roll = |most| dice.borrow_mut().below(most);
        let core = ringgate_runtime::current();
        let mut tasks = Vec::new();
        for _ in 0..size(2000) {
            let (kind, work, patience) = (roll(10), roll(300), roll(600));
            let patience = Duration::from_micros(patience);
            let held = held.clone();
            let (workers, in_core) = (workers.clone(), in_core.clone());
            tasks.push(core.spawn(async move {
                let limited = timeout(patience, async move {
                    if kind < 3 {
                        let _ = in_core
                            .run(async move {
                                let _held = held;
                                sleep(Duration::from_micros(work)).await;
                                assert!(work % 50 != 0, "a panic now and then");
                            })
                            .await;
                    } else {
                        let _ = workers
                            .run(move |()| {
                                let _held = held;
                                std::thread::sleep(Duration::from_micros(work));
                                assert!(work % 50 != 0, "a panic now and then");
                            })
                            .await;
                    }
                });
                let _ = limited.await;
            }));
            if roll(4) == 0 {
                sleep(Duration::from_micros(roll(200))).await;
            }
            if roll(7) == 0 {
                let which = roll(tasks.len() as u64) as usize;
                tasks[which].abort();
                drop(tasks.swap_remove(which));
            }
        }
        for task in tasks {
            let _ = task.await;
        }
    });
    let status = wait_status(&lane, "idle", LaneStatus::is_idle);
    assert!(status.balances(), "{status:?}");
    assert!(
        status.totals.cancelled > 0 && status.totals.finished > 0,
        "{status:?}"
    );
    let status = inside.status();
    assert!(status.is_idle() && status.balances(), "{status:?}");
    lane.close(Ending::Finish);
    lane.join(PATIENCE).expect("they leave");
    assert_eq!(Arc::strong_count(&live), 1, "nothing is held any more");
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
