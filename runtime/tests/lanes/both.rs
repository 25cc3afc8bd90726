//! Lanes of both kinds: with threads and in the core, side by side, and with futures dropped at random.

use crate::common::{PATIENCE, core, run, size};
use crate::support::{block_on, occupy, poll, stateless, wait_status};
use ringgate_runtime::lane::{Ending, Lane, LaneError, LaneStatus};
use ringgate_runtime::task::yield_now;
use ringgate_runtime::{sleep, timeout};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn t14_a_lane_in_the_core_has_the_same_limits_and_counters_and_no_thread() {
    let lane = Lane::in_core(2)
        .queue_limit(1)
        .queue_timeout(Duration::from_millis(20))
        .open("inside")
        .expect("a lane");
    let has_threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("/proc");
        let names = tasks.flatten().map(|task| task.path().join("comm"));
        let mut names = names.filter_map(|path| std::fs::read_to_string(path).ok());
        names.any(|name| name.starts_with("rg-inside"))
    };
    let core = core();
    let inside = lane.clone();
    run(&core, async move {
        let here = std::thread::current().id();
        let running = Rc::new(Cell::new(0));
        let most = Rc::new(Cell::new(0));
        let (open, door) = flume::bounded::<()>(0);
        let operation = |value: u64| {
            let (running, most, door) = (running.clone(), most.clone(), door.clone());
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                assert_eq!(std::thread::current().id(), here);
                let _ = door.recv_async().await; // ends with the other side of it
                running.set(running.get() - 1);
                value
            }
        };
        let core = ringgate_runtime::current();
        let two = [1, 2].map(|value| {
            let (lane, operation) = (inside.clone(), operation(value));
            core.spawn(async move { lane.run(operation).await })
        });
        while inside.status().busy < 2 {
            yield_now().await;
        }
        // The core takes no turn before `late` is awaited, so that its time cannot be up.
        let mut late = pin!(inside.run(operation(3)));
        assert!(poll(&mut late).is_pending());
        assert_eq!(inside.status().queued, 1);
        assert!(matches!(
            inside.run(operation(4)).await,
            Err(LaneError::Full)
        ));
        assert!(matches!(late.await, Err(LaneError::TimedOut)));
        drop(open);
        for (task, value) in two.into_iter().zip([1, 2]) {
            assert!(matches!(task.await, Ok(Ok(found)) if found == value));
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
        assert!(!has_threads(), "a lane in the core needs none");
    });
    let status = lane.status();
    assert!(status.is_idle() && status.balances(), "{status:?}");
    let totals = status.totals;
    assert_eq!((totals.finished, totals.panicked), (2, 1));
    assert_eq!((totals.timed_out, totals.cancelled), (1, 1));
    assert_eq!(totals.refused_full, 1);
}

#[test]
fn an_operation_that_is_polled_outside_of_a_core_takes_no_place_from_others() {
    let lane = Lane::in_core(1).open("inside").expect("a lane");
    let inside = lane.clone();
    run(&core(), async move {
        let core = ringgate_runtime::current();
        let (open, door) = flume::bounded::<()>(0);
        let held = inside.clone();
        let busy = core.spawn(async move {
            let opened = held.run(async move { door.recv_async().await.is_err() });
            opened.await.expect("it ran")
        });
        while inside.status().busy == 0 {
            yield_now().await;
        }
        let elsewhere = inside.clone();
        let outside = std::thread::spawn(move || block_on(elsewhere.run(async {})));
        assert!(outside.join().is_err(), "no core runs there");
        drop(open);
        assert!(busy.await.expect("no panic"));
        let next = timeout(PATIENCE, inside.run(async { 7 })).await;
        assert_eq!(next.expect("there is room").expect("a value"), 7);
    });
    let status = lane.status();
    assert!(status.is_idle() && status.balances(), "{status:?}");
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
                                // Holds the worker, as a call that blocks does.
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
