//! What becomes of work: value, panic, cancellation, time-out; its order; and what waiting for it costs.

use crate::common::{PATIENCE, core, run, size};
use crate::support::{Door, block_on, occupy, poll, stateless, wait_status};
use ringgate_runtime::lane::{Ending, Lane, LaneError, LaneStatus};
use ringgate_runtime::{Priority, sleep};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
    // What is to occupy the worker waits for it too, and is given up where the worker's thread comes late.
    let mut given_up = 0;
    let (door, busy) = loop {
        let door = Door::default();
        let wait = door.clone();
        let mut busy = lane.run(move |()| wait.pass());
        assert!(poll(&mut busy).is_pending());
        let status = wait_status(&lane, "begun or given up", |status| {
            status.busy > 0 || status.totals.timed_out > given_up
        });
        if status.busy > 0 {
            break (door, busy);
        }
        given_up = status.totals.timed_out;
    };
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
    assert_eq!(status.totals.timed_out, given_up + 2);
    assert!(status.is_idle() && status.balances(), "{status:?}");
}

#[test]
fn a_wait_for_a_lane_goes_to_another_thread_and_keeps_its_limit_there() {
    let lane = Lane::workers(1)
        .queue_timeout(Duration::from_millis(200))
        .stateless()
        .open("moved")
        .expect("a lane");
    wait_status(&lane, "it waits for work", |status| status.waiting == 1);
    let (door, busy) = occupy(&lane);
    let on_core = lane.clone();
    let (moved, elsewhere) = run(&core(), async move {
        let mut waits = [7, 8].map(|value| on_core.run(move |()| value));
        for work in &mut waits {
            assert!(poll(work).is_pending(), "it has a timer of this core");
        }
        let [first, second] = waits;
        (first, second)
    });
    // On another core it has a timer there, and is given up though the worker never ends.
    let given_up = std::thread::spawn(|| run(&core(), moved)).join();
    let given_up = given_up.expect("no panic");
    assert!(matches!(given_up, Err(LaneError::TimedOut)), "{given_up:?}");
    let until = Instant::now() + Duration::from_millis(5);
    while Instant::now() < until {
        std::thread::yield_now();
    }
    door.open();
    block_on(busy).expect("what had begun ends");
    // Without a core the worker finds it late.
    let late = std::thread::spawn(|| block_on(elsewhere)).join();
    let late = late.expect("no panic");
    assert!(matches!(late, Err(LaneError::TimedOut)), "{late:?}");
    assert!(lane.status().balances());
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
    // How often they went to sleep; none while one of them is awake.
    let ticks = || -> Option<u64> {
        let tasks = std::fs::read_dir("/proc/self/task").expect("/proc");
        let switches = tasks.flatten().filter_map(|task| {
            let comm = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let status = std::fs::read_to_string(task.path().join("status")).ok()?;
            let line = status
                .lines()
                .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
            let count: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
            let asleep = status.lines().any(|line| line == "State:\tS (sleeping)");
            comm.starts_with("rg-quiet-")
                .then_some(asleep.then_some(count))
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
            if now.is_some() && now == before {
                break now;
            }
            assert!(Instant::now() < until, "they never sleep");
            before = now;
        }
    };
    // Nothing is to happen; a worker that looks for work now and then wakes in this time.
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

/// A worker that looks for work counts as one that will come, and nobody is roused for what it takes. So
/// work that comes in the very moment in which it gives up must not be forgotten.
#[test]
fn t11_work_that_comes_while_workers_look_or_give_up_is_done() {
    for spin in [2, 5, 20] {
        let lane = Lane::workers(1..=3)
            .spin(Duration::from_micros(spin))
            .stateless()
            .open("looks")
            .expect("a lane");
        std::thread::scope(|scope| {
            for client in 0..2u64 {
                let lane = lane.clone();
                scope.spawn(move || {
                    for trip in 0..size(1500) as u64 {
                        let pause = Duration::from_nanos((trip * 7919 + client * 401) % 40_000);
                        let until = Instant::now() + pause;
                        while Instant::now() < until {
                            std::hint::spin_loop();
                        }
                        let value = block_on(lane.run(move |()| trip));
                        assert_eq!(value.expect("a value"), trip);
                    }
                });
            }
        });
        let status = wait_status(&lane, "idle", LaneStatus::is_idle);
        assert!(status.balances(), "{status:?}");
        lane.close(Ending::Finish);
        lane.join(PATIENCE).expect("they leave");
    }
}

#[test]
fn a_worker_that_looks_hears_of_a_trim_and_of_the_end() {
    let long = 100 * PATIENCE;
    for ends in [false, true] {
        let lane = Lane::workers(0..=1)
            .spin(long)
            .stateless()
            .open("stares")
            .expect("a lane");
        // On another CPU than the worker's, if there is one: on its own it would not look.
        block_on(lane.run(|()| ())).expect("a value");
        wait_status(&lane, "it looks", |status| status.waiting == 1);
        if ends {
            lane.close(Ending::Finish);
            lane.join(PATIENCE).expect("it leaves");
        } else {
            assert!(lane.trim(true));
            wait_status(&lane, "it left", |status| status.spawned == 0);
        }
    }
}

#[test]
fn work_for_which_a_worker_or_a_place_is_free_runs_where_none_may_wait_and_where_any_may_wait_for_ever()
 {
    for most in [Duration::ZERO, Duration::MAX] {
        let workers = Lane::workers(1)
            .queue_limit(0)
            .queue_timeout(most)
            .retry(most, most)
            .stateless()
            .open("strict")
            .expect("a lane");
        let places = Lane::in_core(1)
            .queue_limit(0)
            .queue_timeout(most)
            .open("inside")
            .expect("a lane");
        wait_status(&workers, "it waits for work", |status| status.waiting == 1);
        let on_core = workers.clone();
        run(&core(), async move {
            for value in 0..20 {
                while on_core.status().waiting == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
                assert_eq!(on_core.run(move |()| value).await.expect("it runs"), value);
                let placed = places.run(async move { value }).await;
                assert_eq!(placed.expect("it runs"), value);
            }
        });
        wait_status(&workers, "it waits again", |status| status.waiting == 1);
        assert_eq!(block_on(workers.run(|()| 7)).expect("it runs"), 7);
    }
}

#[test]
fn a_lane_in_which_no_work_may_wait_starts_as_many_workers_as_it_may_have() {
    let lane = Lane::workers(0..=2)
        .queue_limit(0)
        .stateless()
        .open("strict")
        .expect("a lane");
    let occupied = [(); 2].map(|()| occupy(&lane));
    let full = block_on(lane.run(|()| ()));
    assert!(matches!(full, Err(LaneError::Full)), "{full:?}");
    assert_eq!(lane.status().spawned, 2);
    for (door, busy) in occupied {
        door.open();
        block_on(busy).expect("what had begun ends");
    }
}

#[test]
fn work_that_may_not_wait_is_given_up_at_once_while_the_workers_work() {
    let lane = Lane::workers(1)
        .queue_timeout(Duration::ZERO)
        .stateless()
        .open("at-once")
        .expect("a lane");
    wait_status(&lane, "it waits for work", |status| status.waiting == 1);
    let (door, busy) = occupy(&lane);
    let on_core = lane.clone();
    run(&core(), async move {
        let late = on_core.run(|()| ()).await;
        assert!(matches!(late, Err(LaneError::TimedOut)), "{late:?}");
    });
    door.open();
    block_on(busy).expect("what had begun ends");
}
