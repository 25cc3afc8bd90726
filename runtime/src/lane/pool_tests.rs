//! The rules of the pool, rule by rule and under random steps. No threads.

use super::*;
use proptest::prelude::*;

fn pool(min: u32, max: u32) -> Pool {
    Pool::new(Bounds::new(min, max).expect("bounds that hold"))
}

/// A pool whose fewest workers all wait.
fn idle(min: u32, max: u32) -> Pool {
    let mut pool = pool(min, max);
    for _ in 0..min {
        assert_eq!(pool.step(Standing::Starting), Step::Wait);
    }
    pool
}

#[test]
fn p1_one_number_sets_both_and_impossible_numbers_are_refused() {
    assert_eq!(Bounds::try_from(3), Bounds::new(3, 3));
    assert_eq!(Bounds::try_from(1..=4), Bounds::new(1, 4));
    assert_eq!(Bounds::new(0, 0), Err(BoundsError::NoWorkers));
    let contradiction = Bounds::new(5, 4).expect_err("5 is above 4");
    assert!(contradiction.to_string().contains('5') && contradiction.to_string().contains('4'));
    assert!(Bounds::new(0, 1).is_ok() && Bounds::new(4, 4).is_ok());
}

#[test]
fn p2_a_pool_counts_its_fewest_workers_from_the_start() {
    let pool = pool(2, 5);
    assert_eq!((pool.spawned, pool.waiting, pool.busy), (2, 0, 0));
}

#[test]
fn p3_one_worker_is_added_exactly_if_fewer_wait_than_work_is_queued() {
    // (waiting, queued before, spawned of at most 4) -> spawn
    let table = [
        ((0, 0, 0), true),
        ((0, 0, 3), true),
        ((0, 0, 4), false),
        ((1, 0, 1), false),
        ((1, 1, 1), true),
        ((2, 1, 2), false),
        ((2, 2, 2), true),
        ((2, 2, 4), false),
        ((0, 9, 3), true),
    ];
    for ((waiting, queued, spawned), spawn) in table {
        let mut pool = Pool {
            spawned,
            waiting,
            queued,
            ..pool(0, 4)
        };
        let case = format!("{waiting} wait, {queued} queued, {spawned} spawned");
        assert_eq!(pool.submit(), Ok(Submitted { spawn }), "{case}");
        assert_eq!(pool.spawned, spawned + u32::from(spawn), "{case}");
        assert_eq!(pool.queued, queued + 1, "{case}");
    }
}

#[test]
fn p4_work_comes_first_then_a_trim_then_waiting() {
    let mut pool = idle(0, 3);
    pool.spawned = 2;
    pool.queued = 1;
    pool.trim_requested = 1;
    assert_eq!(pool.step(Standing::Starting), Step::Work);
    assert_eq!((pool.queued, pool.busy, pool.trim_requested), (0, 1, 1));
    assert_eq!(pool.step(Standing::Busy), Step::Leave);
    assert_eq!((pool.spawned, pool.busy, pool.trim_requested), (1, 0, 0));
    assert_eq!(pool.step(Standing::Starting), Step::Wait);
    assert_eq!((pool.spawned, pool.waiting), (1, 1));
}

#[test]
fn p5_a_trim_needs_somebody_who_waits_and_leaves_the_minimum() {
    let mut pool = idle(1, 4);
    assert!(!pool.trim(true), "the minimum stays");
    pool.spawned = 3;
    assert!(pool.trim(false), "one waits");
    assert_eq!(pool.trim_requested, 1);
    pool.waiting = 0;
    assert!(!pool.trim(false), "nobody waits");
    assert!(pool.trim(true), "forced");
    assert!(!pool.trim(true), "3 less 2 is the minimum");
    assert_eq!(pool.trim_requested, 2);
}

#[test]
fn p6_a_forced_trim_stops_no_busy_worker_and_yields_to_queued_work() {
    let mut pool = idle(0, 2);
    assert_eq!(pool.submit(), Ok(Submitted { spawn: true }));
    assert_eq!(pool.step(Standing::Starting), Step::Work);
    assert!(pool.trim(true));
    assert_eq!((pool.busy, pool.spawned), (1, 1), "the busy one goes on");
    assert_eq!(pool.submit(), Ok(Submitted { spawn: true }));
    assert_eq!(pool.step(Standing::Busy), Step::Work, "work comes first");
    assert_eq!(pool.trim_requested, 1, "and the wish stays");
}

#[test]
fn p7_a_pool_of_fixed_size_is_never_trimmed() {
    let mut fixed = idle(3, 3);
    assert!(!fixed.may_trim());
    assert!(!fixed.trim(false));
    let mut grown = idle(1, 3);
    grown.spawned = 2;
    assert!(grown.may_trim());
    assert!(grown.trim(false));
    assert!(!grown.may_trim(), "one a tick, and the minimum stays");
}

#[test]
fn p9_a_dead_worker_is_replaced_and_a_closed_pool_takes_nothing() {
    let mut pool = idle(1, 1);
    assert_eq!(pool.submit(), Ok(Submitted { spawn: false }));
    assert_eq!(pool.step(Standing::Waiting), Step::Work);
    assert_eq!(pool.died(Standing::Busy), Replacement::Starting);
    assert_eq!((pool.spawned, pool.busy, pool.waiting), (1, 0, 0));
    assert_eq!(pool.step(Standing::Starting), Step::Wait);
    assert_eq!(pool.submit(), Ok(Submitted { spawn: false }));
    pool.close();
    assert_eq!(pool.submit(), Err(Closed));
    assert_eq!(
        pool.step(Standing::Waiting),
        Step::Work,
        "queued work is done"
    );
    assert_eq!(pool.step(Standing::Busy), Step::Leave);
    assert_eq!(pool.spawned, 0);
}

/// Event that may happen to a pool, and the worker that it happens to.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Submit,
    Withdraw,
    Step(usize),
    Die(usize),
    Fail(usize),
    Trim(bool),
    Close,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => Just(Happening::Submit),
        1 => Just(Happening::Withdraw),
        9 => any::<usize>().prop_map(Happening::Step),
        1 => any::<usize>().prop_map(Happening::Die),
        1 => any::<usize>().prop_map(Happening::Fail),
        2 => any::<bool>().prop_map(Happening::Trim),
        1 => Just(Happening::Close),
    ]
}

/// Miri takes its time for each.
const HAPPENINGS_MOST: usize = if cfg!(miri) { 50 } else { 200 };

proptest! {
    /// Against the workers themselves, kept one by one.
    #[test]
    fn whatever_happens_the_counts_are_those_of_the_workers(
        min in 0u32..4,
        more in 0u32..4,
        happenings in proptest::collection::vec(happening(), 0..HAPPENINGS_MOST),
    ) {
        let max = (min + more).max(1);
        let mut pool = pool(min, max);
        let mut workers = vec![Standing::Starting; min as usize];
        let mut queued = 0u32;
        for happening in happenings {
            match happening {
                Happening::Submit => {
                    let closed = pool.is_closed();
                    match pool.submit() {
                        Ok(submitted) => {
                            prop_assert!(!closed);
                            queued += 1;
                            if submitted.spawn {
                                workers.push(Standing::Starting);
                            }
                        }
                        Err(Closed) => prop_assert!(closed),
                    }
                }
                Happening::Withdraw if queued > 0 => {
                    pool.withdraw();
                    queued -= 1;
                }
                Happening::Step(which) if !workers.is_empty() => {
                    let which = which % workers.len();
                    match pool.step(workers[which]) {
                        Step::Work => {
                            prop_assert!(queued > 0);
                            queued -= 1;
                            workers[which] = Standing::Busy;
                        }
                        Step::Wait => {
                            prop_assert!(queued == 0);
                            workers[which] = Standing::Waiting;
                        }
                        Step::Leave => {
                            prop_assert!(queued == 0, "queued work is done first");
                            workers.swap_remove(which);
                            prop_assert!(pool.is_closed() || workers.len() as u32 >= min);
                        }
                    }
                }
                Happening::Die(which) if !workers.is_empty() => {
                    let which = which % workers.len();
                    match pool.died(workers[which]) {
                        Replacement::Starting => workers[which] = Standing::Starting,
                        Replacement::None => drop(workers.swap_remove(which)),
                    }
                }
                Happening::Fail(which) if !workers.is_empty() => {
                    let which = which % workers.len();
                    if workers[which] == Standing::Starting
                        && pool.failed_to_start() == Replacement::None
                    {
                        workers.swap_remove(which);
                        prop_assert!(pool.is_closed() || workers.len() as u32 >= min);
                    }
                }
                Happening::Trim(force) => {
                    pool.trim(force);
                    prop_assert!(pool.is_closed() || pool.trim_requested <= pool.spawned);
                }
                Happening::Close => pool.close(),
                _ => {}
            }
            let count = |standing| workers.iter().filter(|w| **w == standing).count() as u32;
            prop_assert_eq!(pool.spawned, workers.len() as u32);
            prop_assert_eq!(pool.waiting, count(Standing::Waiting));
            prop_assert_eq!(pool.busy, count(Standing::Busy));
            prop_assert_eq!(pool.queued, queued);
            prop_assert!(pool.spawned <= max);
        }
    }
}
