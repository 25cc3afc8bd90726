//! What the tests of lanes share: doors that work waits at, and futures polled by hand.

#![allow(unreachable_pub, reason = "a module of a test program")]

use crate::common::PATIENCE;
use ringgate_runtime::lane::{Lane, LaneError, LaneStatus};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// Waits until the lane stands so.
#[track_caller]
pub fn wait_status<C>(
    lane: &Lane<C>,
    what: &str,
    holds: impl Fn(&LaneStatus) -> bool,
) -> LaneStatus {
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
pub struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    pub fn open(&self) {
        *self.0.0.lock().expect("unpoisoned") = true;
        self.0.1.notify_all();
    }

    pub fn pass(&self) {
        let open = self.0.0.lock().expect("unpoisoned");
        let waited = self.0.1.wait_timeout_while(open, PATIENCE, |open| !*open);
        assert!(*waited.expect("unpoisoned").0, "nobody opened the door");
    }
}

/// Polls once.
pub fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(future).poll(&mut cx)
}

/// Waits for a future in this thread, without a core.
pub fn block_on<F: Future>(future: F) -> F::Output {
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

pub fn stateless(workers: u32, name: &str) -> Lane {
    let lane = Lane::workers(workers).stateless().open(name);
    lane.unwrap_or_else(|error| panic!("{error}"))
}

/// Occupies a worker until the door opens.
pub fn occupy(
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
