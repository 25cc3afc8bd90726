//! The steps of workers under the lock, taken one by one. No threads.

use super::super::job::Job;
use super::*;
use std::task::Waker;

/// A lane of two workers that have no threads: the test takes their steps. No work may wait.
fn without_threads() -> Arc<Shared<()>> {
    let limits = Limits {
        queue: None,
        queue_timeout: Some(Duration::ZERO),
        auto_trim: None,
        retry_first: Duration::ZERO,
        retry_most: Duration::ZERO,
        spin: Duration::ZERO,
    };
    let bounds = Bounds::new(0, 2).expect("good numbers");
    let shared = Shared::start("test", bounds, limits, Box::new(|| Ok(())), None, None);
    let mut inner = shared.lock();
    inner.pool.spawned = 2;
    inner.ready = 2;
    inner.seats.extend((0..2).map(|_| {
        let (thread, handle) = (None, None);
        Some(Seat { thread, handle })
    }));
    drop(inner);
    shared
}

/// Returns whether a worker waits for the work.
fn submit(shared: &Arc<Shared<()>>) -> bool {
    let now = Instant::now();
    let job = Job::new(|(): &mut ()| (), Some(now), Waker::noop().clone());
    let submitted = shared.submit(Priority::Normal, job);
    submitted.map(|(_, expected)| expected).expect("it is open")
}

fn works(shared: &Shared<()>, index: u32, from: Place) -> bool {
    let ran = (from == Place::Busy).then_some(Ran::Finished);
    matches!(shared.next(index, from, ran, None), Next::Work(_))
}

#[test]
fn work_that_a_free_worker_was_to_take_is_not_late_if_a_busy_one_is_quicker() {
    let shared = without_threads();
    assert!(!works(&shared, 0, Place::Starting), "it sleeps");
    assert!(submit(&shared));
    assert!(works(&shared, 1, Place::Starting));
    // The other still sleeps, and is roused for this.
    assert!(submit(&shared));
    assert!(works(&shared, 1, Place::Busy), "it is done all the same");
    // One for which it is roused, and one too many: it takes the first.
    assert!(submit(&shared));
    assert!(!submit(&shared));
    assert!(works(&shared, 0, Place::Asleep));
    assert!(!works(&shared, 1, Place::Busy), "nobody was free for it");
    let status = shared.status();
    assert_eq!((status.busy, status.waiting, status.queued), (1, 1, 0));
    assert_eq!(status.totals.timed_out, 1);
    assert!(status.balances(), "{status:?}");
}
