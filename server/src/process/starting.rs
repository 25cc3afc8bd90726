//! The hearing of a start: while the program's own code makes the server, and while an address is waited for, nobody else
//! hears the signals that end it.
//!
//! Opened by the program before it makes the server, and closed by the start before the coordinator hears the
//! signals itself. One that comes while the server is made ends the process at once, whatever the program's code
//! waits for; later the start is to give up what it has made, and has a moment for that.

use ringgate_runtime::sys::signals::{Signal, send_signal, wait_for_signal};
use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The signals that end a server.
const ENDING: [Signal; 3] = [Signal::Int, Signal::Term, Signal::Quit];
/// How long a start that is told to end may take to give up what it has made.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(1);
/// How long the end of the ears waits for their thread, at the most. (A descriptor to wake it by could be the one that a core
/// lacks.)
const GLANCE: Duration = Duration::from_millis(10);

thread_local! {
    /// The words that the start on this thread has heard.
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

/// The ears of one start. They close with it.
pub(crate) struct Ears {
    heard: Heard,
    thread: Option<JoinHandle<()>>,
}

/// The words that were heard, for whoever asks.
#[derive(Clone)]
pub(crate) struct Heard(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The program's own code is at work, which nobody can ask to give up.
    is_made: bool,
    is_told: bool,
    is_closed: bool,
}

impl Heard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.notify_all();
    }

    /// Waits for what `until` wants to see, at most this long. Returns whether it came.
    fn wait(&self, until: impl Fn(&State) -> bool, patience: Duration) -> bool {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.state(), patience, |state| !until(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        until(&state)
    }

    /// Waits for a signal, until the ears close. Returns whether the start is told by one.
    fn hear(&self) -> bool {
        while !self.state().is_closed {
            match wait_for_signal(&ENDING, GLANCE) {
                Ok(Some(signal)) => return self.tell(signal),
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// One who listens no more gives the signal back, to who does now.
    fn tell(&self, signal: Signal) -> bool {
        let mut state = self.state();
        state.is_told = !state.is_closed;
        let is_told = state.is_told;
        drop(state);
        self.0.changed.notify_all();
        if !is_told && let Err(error) = send_signal(std::process::id(), signal) {
            tracing::warn!(%error, ?signal, "a signal is lost");
        }
        is_told
    }

    /// Whether the start was told to end.
    pub(crate) fn is_told(&self) -> bool {
        self.state().is_told
    }
}

impl Ears {
    /// Hears signals on a thread of its own, for the start on this one. They are blocked in all threads. `end` ends the
    /// process.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(crate) fn open(end: impl FnOnce() + Send + 'static) -> io::Result<Ears> {
        let heard = Heard(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        }));
        let hears = heard.clone();
        let thread = std::thread::Builder::new().name("rg-start".to_owned());
        let thread = thread.spawn(move || {
            if !hears.hear() {
                return;
            }
            let gives_up = hears.state().is_made;
            if !gives_up || !hears.wait(|state| state.is_closed, GIVES_UP_WITHIN) {
                end();
            }
        })?;
        HEARD.set(Some(heard.clone()));
        let thread = Some(thread);
        Ok(Ears { heard, thread })
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// From here on the start looks by itself whether it is told to end.
    pub(crate) fn is_made(&self) {
        self.heard.change(|state| state.is_made = true);
    }
}

impl Drop for Ears {
    /// From here on nobody is told here.
    fn drop(&mut self) {
        HEARD.take();
        self.heard.change(|state| state.is_closed = true);
        if let Some(thread) = self.thread.take() {
            // Its panic has told of itself.
            let _ = thread.join();
        }
    }
}

/// Waits this long, unless the start on this thread is told to end.
///
/// # Errors
/// `Interrupted` if it is.
pub(crate) fn pause(length: Duration) -> io::Result<()> {
    let Some(heard) = HEARD.with_borrow(Clone::clone) else {
        std::thread::sleep(length);
        return Ok(());
    };
    match heard.wait(|state| state.is_told, length) {
        true => Err(io::Error::new(io::ErrorKind::Interrupted, TOLD)),
        false => Ok(()),
    }
}

/// The reason why a start ends that is told to.
pub(crate) const TOLD: &str = "it was told to end while it started";
