//! One piece of work, from its submission to its value: a single allocation that the waiting future
//! and the worker share.
//!
//! The lane puts it into the queue, a worker runs it, the future takes the value. The last of the
//! three drops what is left. Bookkeeping of pool and queue is not done here.

use super::LaneError;
use crate::task::catch_panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Work for a worker whose state is a `C`, whatever its value.
pub(super) trait Work<C>: Send + Sync {
    /// Runs the work, unless nobody wants it any more. The value is shown by `deliver`.
    fn run(&self, state: &mut C) -> Ran;
    /// Shows the value to the future and wakes it.
    fn deliver(&self);
    /// Ends it without running it.
    fn refuse(&self, why: LaneError);
    /// When it has waited too long.
    fn deadline(&self) -> Option<Instant>;
}

/// End of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    /// With a value.
    Finished,
    /// With a panic: the worker's state may be in disorder.
    Panicked,
    /// Not run: its future was dropped before the work had begun.
    Skipped,
}

enum Stage<F, T> {
    Queued(F),
    Running,
    /// The worker has not done its bookkeeping yet.
    Settled(Result<T, LaneError>),
    Done(Result<T, LaneError>),
    Taken,
    /// The future is gone.
    Abandoned,
}

struct Inner<F, T> {
    stage: Stage<F, T>,
    waker: Option<Waker>,
}

pub(super) struct Job<F, T> {
    inner: Mutex<Inner<F, T>>,
    deadline: Option<Instant>,
}

impl<F, T> Job<F, T> {
    pub(super) fn new(work: F, deadline: Option<Instant>, waker: Waker) -> Arc<Job<F, T>> {
        Arc::new(Job {
            inner: Mutex::new(Inner {
                stage: Stage::Queued(work),
                waker: Some(waker),
            }),
            deadline,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<F, T>> {
        // Neither work nor drops of values run under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The future looks for its value.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Result<T, LaneError>> {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.stage, Stage::Taken) {
            Stage::Done(result) => return Poll::Ready(result),
            stage => inner.stage = stage,
        }
        if !inner
            .waker
            .as_ref()
            .is_some_and(|w| w.will_wake(cx.waker()))
        {
            inner.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The future is gone: what has not begun does not begin, and nobody is woken.
    pub(super) fn abandon(&self) {
        let mut inner = self.lock();
        let stage = std::mem::replace(&mut inner.stage, Stage::Abandoned);
        let waker = inner.waker.take();
        drop(inner);
        drop((stage, waker));
    }
}

impl<C, F, T> Work<C> for Job<F, T>
where
    F: FnOnce(&mut C) -> T + Send,
    T: Send,
{
    fn run(&self, state: &mut C) -> Ran {
        let mut inner = self.lock();
        let work = match std::mem::replace(&mut inner.stage, Stage::Running) {
            Stage::Queued(work) => work,
            other => {
                inner.stage = other;
                return Ran::Skipped;
            }
        };
        drop(inner);
        let (ran, result) = match catch_panic(|| work(state)) {
            Ok(value) => (Ran::Finished, Ok(value)),
            Err(panic) => (Ran::Panicked, Err(LaneError::Panicked(panic))),
        };
        let mut inner = self.lock();
        match inner.stage {
            Stage::Running => inner.stage = Stage::Settled(result),
            _ => {
                drop(inner);
                drop_quietly(result);
            }
        }
        ran
    }

    fn deliver(&self) {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.stage, Stage::Abandoned) {
            Stage::Settled(result) => inner.stage = Stage::Done(result),
            other => inner.stage = other,
        }
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn refuse(&self, why: LaneError) {
        let mut inner = self.lock();
        let stage = match &inner.stage {
            Stage::Queued(_) => std::mem::replace(&mut inner.stage, Stage::Settled(Err(why))),
            _ => return,
        };
        drop(inner);
        drop_quietly(stage);
        Work::<C>::deliver(self);
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// Drops what belongs to an application on a thread that must not end by it.
pub(super) fn drop_quietly<V>(value: V) {
    // The panic has been told of by the panic hook.
    let _ = catch_panic(move || drop(value));
}
