//! One answer from the coordinator's thread to whoever asked: a task on a core, or a thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
    gone: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answering side. Dropped without an answer it says so.
pub(crate) struct Reply<T>(Arc<Shared<T>>);

/// The asking side.
pub(crate) struct Answer<T>(Arc<Shared<T>>);

pub(crate) fn reply<T>() -> (Reply<T>, Answer<T>) {
    let state = State {
        value: None,
        waker: None,
        gone: false,
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        ready: Condvar::new(),
    });
    (Reply(shared.clone()), Answer(shared))
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

impl<T> Reply<T> {
    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_unwanted(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn send(self, value: T) {
        self.0.lock().value = Some(value);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.gone = true;
        let waker = state.waker.take();
        drop(state);
        self.0.ready.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Answer<T> {
    /// Waits in this thread; None if nobody answers any more, or not in time.
    pub(crate) fn wait(self, most: Duration) -> Option<T> {
        let state = self.0.lock();
        let waited = self
            .0
            .ready
            .wait_timeout_while(state, most, |state| !state.gone);
        waited
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .value
            .take()
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        if state.gone {
            return Poll::Ready(state.value.take());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
