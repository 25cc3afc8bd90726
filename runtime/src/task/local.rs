//! Values that belong to a task: seen by everything it calls, without being handed down, and by
//! nobody else.
//!
//! A value is in place only while its task is polled. Tasks that this one starts do not inherit it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::LocalKey;

/// A key for values of tasks; made by [`task_local!`](crate::task_local).
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, task_local};
///
/// task_local! {
///     static USER: String;
/// }
///
/// /// Knows whom it serves, without being told by its callers.
/// fn greeting() -> String {
///     USER.with(|name| format!("hello, {name}")).unwrap_or_else(|_| "hello, whoever you are".to_owned())
/// }
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let said = USER.scope("Ada".to_owned(), async { greeting() });
///     assert_eq!(said.await, "hello, Ada");
///     assert_eq!(greeting(), "hello, whoever you are");
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskLocal<T: 'static> {
    #[doc(hidden)]
    pub inner: LocalKey<RefCell<Option<T>>>,
}

/// Makes keys for values of tasks: `task_local! { static USER: String; }`.
///
/// ```
/// ringgate_runtime::task_local! {
///     /// Who asks.
///     static USER: String;
/// }
///
/// assert!(USER.with(|_| ()).is_err(), "no task, no value");
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty;)+) => {
        $($(#[$meta])* $vis static $name: $crate::task::TaskLocal<$type> = {
            ::std::thread_local! {
                static INNER: ::std::cell::RefCell<Option<$type>> =
                    const { ::std::cell::RefCell::new(None) };
            }
            $crate::task::TaskLocal { inner: INNER }
        };)+
    };
}

/// There is no value: the code does not run within [`TaskLocal::scope`].
///
/// ```
/// ringgate_runtime::task_local! { static USER: String; }
///
/// assert_eq!(USER.with(|name| name.len()), Err(ringgate_runtime::task::NoValue));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoValue;

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this task has no such value; run it within `scope`")
    }
}

impl std::error::Error for NoValue {}

impl<T: 'static> TaskLocal<T> {
    /// Runs a future with `value` in place.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> Scope<T, F> {
        Scope {
            key: self,
            value: Some(value),
            future: Box::pin(future),
        }
    }

    /// Looks at the value.
    ///
    /// # Errors
    /// [`NoValue`] outside of [`TaskLocal::scope`].
    pub fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> Result<R, NoValue> {
        // A thread that ends runs no task any more.
        let looked = self
            .inner
            .try_with(|place| place.borrow().as_ref().map(look).ok_or(NoValue));
        looked.unwrap_or(Err(NoValue))
    }

    fn swap(&'static self, value: &mut Option<T>) {
        self.inner
            .with(|place| std::mem::swap(&mut *place.borrow_mut(), value));
    }
}

/// The future of [`TaskLocal::scope`].
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::task::Scope;
///
/// ringgate_runtime::task_local! { static NUMBER: u32; }
///
/// fn numbered<F: Future>(number: u32, work: F) -> Scope<u32, F> {
///     NUMBER.scope(number, work)
/// }
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     assert_eq!(numbered(7, async { NUMBER.with(|number| *number) }).await, Ok(7));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scope<T: 'static, F> {
    key: &'static TaskLocal<T>,
    value: Option<T>,
    future: Pin<Box<F>>,
}

// The value is moved about; the future stays in its box.
impl<T, F> Unpin for Scope<T, F> {}

impl<T, F: Future> Future for Scope<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        /// Takes the value out again, also after a panic.
        struct Back<'a, T: 'static>(&'static TaskLocal<T>, &'a mut Option<T>);
        impl<T> Drop for Back<'_, T> {
            fn drop(&mut self) {
                self.0.swap(self.1);
            }
        }
        let this = self.get_mut();
        this.key.swap(&mut this.value);
        let _back = Back(this.key, &mut this.value);
        this.future.as_mut().poll(cx)
    }
}
