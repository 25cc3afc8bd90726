//! Libraries that need tokio, as guests on a core (feature `tokio-guests`).
//!
//! A handler that is wrapped by [`handler`], or a future by [`run`], finds a tokio runtime around it
//! whenever it runs, so that `tokio::time`, `tokio::net`, hyper's client and what is built on them work
//! in it. It stays a task of its core. Sockets and timers that it makes live with one tokio runtime on a
//! thread of its own, `rg-tokio`, which is started with the first guest and stays until the process
//! ends; tasks that it spawns with `tokio::spawn` run there too.
//!
//! Each event of a guest therefore wakes two threads: `rg-tokio` learns of it from epoll and wakes the
//! core. Handlers that use no guest pay nothing. Blocking work does not belong here
//! ([`lane`](crate::lane)).

use pin_project_lite::pin_project;
use ringgate_runtime::sys::cpu::unpin_current_thread;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use tokio::runtime::{Builder, Handle};

use crate::handler::Request;

static HANDLE: OnceLock<Handle> = OnceLock::new();
/// Held while the thread is started, so that there is one.
static STARTING: Mutex<()> = Mutex::new(());

/// Starts the thread `rg-tokio` if there is none yet, and answers a handle on its runtime. Who wants a
/// failure at the start, and not at the first guest, calls this first.
///
/// # Errors
/// If epoll, its eventfd or the thread cannot be had: too many files are open, or too many threads run.
pub fn start() -> io::Result<Handle> {
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("rg-tokio".to_owned())
        .spawn(move || {
            // It is started by a core and would inherit its CPU.
            let _ = unpin_current_thread();
            runtime.block_on(pending::<()>())
        })?;
    Ok(HANDLE.get_or_init(|| handle).clone())
}

fn running() -> Handle {
    start().unwrap_or_else(|error| {
        panic!(
            "the thread rg-tokio cannot start: {error}; raise LimitNOFILE= or TasksMax= in the unit, \
             or call guests::start before the server"
        )
    })
}

pin_project! {
    /// A future with a tokio runtime around it. See [`run`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Guest<F> {
        // None only while it is dropped.
        #[pin]
        future: Option<F>,
        handle: Handle,
    }

    impl<F> PinnedDrop for Guest<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the future holds may want its runtime when it is dropped, too.
            let _entered = this.handle.enter();
            this.future.set(None);
        }
    }
}

/// Runs `future`, which may use tokio, on this core.
///
/// # Panics
/// If the thread `rg-tokio` is needed and cannot start ([`start`]): in a handler, a 500.
pub fn run<F: Future>(future: F) -> Guest<F> {
    Guest {
        future: Some(future),
        handle: running(),
    }
}

/// A handler that may use tokio, for [`Router::get`](crate::Router::get) and the like: the call of
/// `handler` and each step of its future have the runtime around them. Panics as [`run`].
pub fn handler<S, H, F>(handler: H) -> impl Fn(Request<S>) -> Guest<F> + Send + Sync + 'static
where
    H: Fn(Request<S>) -> F + Send + Sync + 'static,
    F: Future,
{
    move |request| {
        let handle = running();
        let entered = handle.enter();
        let future = Some(handler(request));
        drop(entered);
        Guest { future, handle }
    }
}

impl<F: Future> Future for Guest<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.handle.enter();
        let future = this.future.as_pin_mut();
        future
            .expect("a guest is there until it is dropped")
            .poll(cx)
    }
}
