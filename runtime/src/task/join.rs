//! Waiting for a task's value, and panics as values.

use super::TaskId;
use crate::core::Core;
use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind as catch};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

/// The value that a task panicked with. A panic of its own drop ends there; the panic hook tells of it.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, current};
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let answer = current().spawn(async { panic!("no number") }).await;
///     assert_eq!(answer.map(|()| 0).unwrap_err().message(), "no number");
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Panic(Box<dyn Any + Send>);

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Panic {
        Panic(payload)
    }

    /// The panic's text, if it had one.
    pub fn message(&self) -> &str {
        let payload: &dyn Any = &*self.0;
        match payload.downcast_ref::<&'static str>() {
            Some(text) => text,
            None => payload
                .downcast_ref::<String>()
                .map_or("no message", String::as_str),
        }
    }

    /// The panic's payload, for `std::panic::resume_unwind`.
    pub fn into_inner(mut self) -> Box<dyn Any + Send> {
        self.take()
    }

    fn take(&mut self) -> Box<dyn Any + Send> {
        std::mem::replace(&mut self.0, Box::new(()))
    }
}

impl Drop for Panic {
    fn drop(&mut self) {
        let payload = self.take();
        if let Err(again) = catch(AssertUnwindSafe(|| drop(payload))) {
            // It may panic as it is dropped as well, and so on without end.
            std::mem::forget(again);
        }
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panic: {}", self.message())
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task panicked: {}", self.message())
    }
}

impl std::error::Error for Panic {}

/// Runs a future and gives its panic as a value, also that of its drop, which follows its end.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::task::catch_unwind;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let caught = catch_unwind(async { panic!("in the middle") }).await;
///     assert_eq!(caught.map(|()| 0).unwrap_err().message(), "in the middle");
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn catch_unwind<F: Future>(future: F) -> CatchUnwind<F> {
    CatchUnwind {
        future: Some(future),
    }
}

/// Runs a function and gives its panic as a value.
///
/// ```
/// use ringgate_runtime::task::catch_panic;
///
/// assert_eq!(catch_panic(|| 7).ok(), Some(7));
/// assert!(catch_panic(|| -> u32 { panic!("no number") }).is_err());
/// ```
///
/// # Errors
/// The panic of `run`.
#[inline]
pub fn catch_panic<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    catch(AssertUnwindSafe(run)).map_err(Panic)
}

/// The future of [`catch_unwind`].
///
/// ```
/// use ringgate_runtime::task::{CatchUnwind, catch_unwind};
///
/// fn guarded<F: Future<Output = u32>>(future: F) -> CatchUnwind<F> {
///     catch_unwind(future)
/// }
/// ```
pub struct CatchUnwind<F> {
    /// None when it has ended.
    future: Option<F>,
}

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, Panic>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: structural pinning of the only field; it is never moved out, and there is no
        // Drop impl. Guarded by `a_panic_is_a_value_and_ends_one_task_only`.
        let mut future = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        let polled = catch(AssertUnwindSafe(|| {
            let future = future.as_mut().as_pin_mut();
            future.expect("no poll after the end").poll(cx)
        }));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(Panic(payload)),
        };
        let dropped = catch_panic(|| future.set(None));
        Poll::Ready(result.and_then(|value| dropped.map(|()| value)))
    }
}

struct Join<T> {
    result: Option<Result<T, Panic>>,
    waker: Option<Waker>,
}

/// Waits for the value of a task. Dropping it lets the task run on by itself.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, current, sleep};
/// use std::time::Duration;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let sum = current().spawn(async { 3 + 4 });
///     assert_eq!(sum.await.ok(), Some(7));
///     let endless = current().spawn(sleep(Duration::from_secs(3600)));
///     endless.abort();
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JoinHandle<T> {
    join: Rc<RefCell<Join<T>>>,
    core: Weak<Core>,
    task: Option<TaskId>,
}

pub(crate) fn joinable<F: Future + 'static>(
    core: &Rc<Core>,
    future: F,
) -> (impl Future<Output = ()> + 'static, JoinHandle<F::Output>) {
    let join = Rc::new(RefCell::new(Join {
        result: None,
        waker: None,
    }));
    let handle = JoinHandle {
        join: join.clone(),
        core: Rc::downgrade(core),
        task: None,
    };
    let task = async move {
        let result = catch_unwind(future).await;
        let mut join = join.borrow_mut();
        join.result = Some(result);
        if let Some(waker) = join.waker.take() {
            waker.wake();
        }
    };
    (task, handle)
}

impl<T> JoinHandle<T> {
    pub(crate) fn of(mut self, task: TaskId) -> JoinHandle<T> {
        self.task = Some(task);
        self
    }

    /// Drops the task's future where it stands. A handle that is awaited afterwards stays pending
    /// unless the task had ended before.
    pub fn abort(&self) {
        if let (Some(core), Some(task)) = (self.core.upgrade(), self.task) {
            core.cancel_task(task);
        }
    }

    /// Whether the value is there.
    pub fn is_finished(&self) -> bool {
        self.join.borrow().result.is_some()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Panic>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut join = self.join.borrow_mut();
        match join.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                join.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
