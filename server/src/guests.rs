//! Libraries that need tokio, as guests on a core (feature `tokio-guests`).
//!
//! A handler that is wrapped by [`handler`], or a future by [`run`], finds a tokio runtime around it
//! whenever it runs, so that `tokio::time`, `tokio::net`, hyper's client and what is built on them work
//! in it; so do the bodies that it answers with, and whatever of either is dropped. A service of the feature
//! `tower` is a guest as well. Guests stay tasks of their core. Sockets and timers that they make live with
//! one tokio runtime on a thread of its own, `rg-tokio`, which is started with the first guest and stays
//! until the process ends; tasks that they spawn with `tokio::spawn` run there too.
//!
//! The first guest of a core enters the runtime for the rest of that thread's life: entering and leaving
//! again at each poll costs more than many handlers do, and would leave out the bodies, which others poll.
//!
//! Each event of a guest wakes two threads: `rg-tokio` learns of it from epoll and wakes the core. Handlers
//! that use no guest pay nothing. Blocking work does not belong here ([`lane`](crate::lane)).

use pin_project_lite::pin_project;
use ringgate_runtime::sys::cpu::unpin_current_thread;
use ringgate_runtime::sys::signals::{Signal, block_signals, without_signals};
use std::cell::Cell;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use tokio::runtime::{Builder, EnterGuard, Handle};

use crate::handler::Request;

static HANDLE: OnceLock<Handle> = OnceLock::new();
/// Held while the thread is started, so that there is one.
static STARTING: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether this thread has entered the runtime for good.
    static ENTERED: Cell<bool> = const { Cell::new(false) };
}

/// Starts the thread `rg-tokio` if there is none yet, and answers a handle on its runtime. Call this
/// first for a failure at the start instead of at the first guest.
///
/// ```
/// let handle = ringgate::guests::start()?;
/// assert_eq!(handle.block_on(async { tokio::spawn(async { 7 }).await.unwrap() }), 7);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// If epoll, its eventfd or the thread cannot be had: too many files are open, or too many threads run.
pub fn start() -> io::Result<Handle> {
    started().cloned()
}

fn started() -> io::Result<&'static Handle> {
    if let Some(handle) = HANDLE.get() {
        return Ok(handle);
    }
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = HANDLE.get() {
        return Ok(handle);
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        // Threads for blocking work are started by whichever core asks for them, as this one is.
        .on_thread_start(begin_thread)
        .build()?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new().name("rg-tokio".to_owned());
    let run = move || {
        have_all_cpus();
        runtime.block_on(pending::<()>())
    };
    without_signals(|| thread.spawn(run))??;
    Ok(HANDLE.get_or_init(|| handle))
}

/// The beginning of a thread for blocking work, which may have been asked for by a thread that signals meet.
fn begin_thread() {
    have_all_cpus();
    // It cannot fail for signals that there are; and where it did, a server would hear them all the same.
    let _ = block_signals(&Signal::ALL);
}

/// Takes the CPUs of the process for a thread that a core starts: it would inherit the core's own.
fn have_all_cpus() {
    // Where the kernel does not allow it, the thread works all the same.
    let _ = unpin_current_thread();
}

fn running() -> &'static Handle {
    started().unwrap_or_else(|error| {
        panic!(
            "the thread rg-tokio cannot start: {error}; raise LimitNOFILE= or TasksMax= in the unit, \
             or call guests::start before the server"
        )
    })
}

/// Sees to it that the runtime is around whatever this thread does next: for good on a thread that has no
/// other, and else for as long as the guard lives.
#[inline]
pub(crate) fn enter() -> Option<EnterGuard<'static>> {
    match ENTERED.get() {
        true => None,
        false => enter_first(),
    }
}

#[cold]
fn enter_first() -> Option<EnterGuard<'static>> {
    let handle = running();
    // Within another runtime, as in a test under `#[tokio::test]`, guards must be dropped in their order.
    let is_in_another = Handle::try_current().is_ok();
    let guard = handle.enter();
    if is_in_another {
        return Some(guard);
    }
    // The thread keeps the handle until it ends. Whatever is entered on it later is left before.
    std::mem::forget(guard);
    ENTERED.set(true);
    None
}

pin_project! {
    /// A future with a tokio runtime around it. See [`run`].
    ///
    /// ```
    /// use ringgate::guests::{self, Guest};
    /// use std::time::Duration;
    ///
    /// fn pause() -> Guest<impl Future<Output = ()>> {
    ///     guests::run(async { tokio::time::sleep(Duration::from_secs(1)).await })
    /// }
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Guest<F> {
        // None only while it is dropped.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Guest<F> {
        fn drop(this: Pin<&mut Self>) {
            // What the future holds may want its runtime when it is dropped, too.
            let _entered = enter();
            this.project().future.set(None);
        }
    }
}

/// Runs `future`, which may use tokio, on this core.
///
/// ```
/// use ringgate::{Request, Router, guests};
/// use std::time::Duration;
///
/// async fn later(_: Request) -> &'static str {
///     guests::run(tokio::time::sleep(Duration::from_millis(10))).await;
///     "done\n"
/// }
/// # let router = Router::<()>::new().get("/later", later);
/// ```
///
/// # Panics
/// If the thread `rg-tokio` is needed and cannot start ([`start`]): in a handler, a 500.
pub fn run<F: Future>(future: F) -> Guest<F> {
    running();
    Guest {
        future: Some(future),
    }
}

/// A handler that may use tokio, for [`Router::get`](crate::Router::get) and the like: the call of
/// `handler` and each step of its future have the runtime around them. Panics as [`run`].
///
/// ```
/// use ringgate::{Request, Router, guests};
///
/// async fn sum(_: Request) -> String {
///     let sum = tokio::spawn(async { 3 + 4 }).await;
///     format!("{sum:?}\n")
/// }
///
/// let router = Router::<()>::new().get("/sum", guests::handler(sum));
/// ```
pub fn handler<S, H, F>(handler: H) -> impl Fn(Request<S>) -> Guest<F> + Send + Sync + 'static
where
    H: Fn(Request<S>) -> F + Send + Sync + 'static,
    F: Future,
{
    move |request| {
        let _entered = enter();
        Guest {
            future: Some(handler(request)),
        }
    }
}

impl<F: Future> Future for Guest<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = enter();
        let future = self.project().future.as_pin_mut();
        future
            .expect("a guest is there until it is dropped")
            .poll(cx)
    }
}
