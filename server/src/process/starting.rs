//! The hearing of a start: while the program's own code makes the server, and while an address is waited for, nobody else
//! hears the signals that end it.
//!
//! Opened by the program before it makes the server, and closed by the start before the coordinator hears the
//! signals itself. One that comes while the server is made ends the process at once, whatever the program's code
//! waits for; later the start is to give up what it has made, and has a moment for that.

use ringgate_runtime::sys::event::EventFd;
use ringgate_runtime::sys::signals::{Signal, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The signals that end a server.
const ENDING: [Signal; 3] = [Signal::Int, Signal::Term, Signal::Quit];
/// How long a start that is told to end may take to give up what it has made.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(1);

thread_local! {
    /// What the start on this thread has heard.
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

/// The ears of one start. They close with it.
pub(crate) struct Ears {
    heard: Heard,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

/// What was heard, for whoever asks.
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

    /// Whether the start was told to end.
    pub(crate) fn is_told(&self) -> bool {
        self.state().is_told
    }
}

impl Ears {
    /// Hears signals on a thread of its own, for the start on this one. `end` ends the process.
    ///
    /// # Errors
    /// There is no descriptor or no thread for it.
    pub(crate) fn open(end: impl FnOnce() + Send + 'static) -> io::Result<Ears> {
        let signals = SignalFd::new(&ENDING)?;
        let wake = Arc::new(EventFd::new()?);
        let heard = Heard(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        }));
        let thread = std::thread::Builder::new().name("rg-start".to_owned());
        let (woken, hears) = (wake.clone(), heard.clone());
        let thread = thread.spawn(move || {
            if !hear(&signals, &woken) {
                return;
            }
            hears.change(|state| state.is_told = true);
            let gives_up = hears.state().is_made;
            if !gives_up || !hears.wait(|state| state.is_closed, GIVES_UP_WITHIN) {
                end();
            }
        })?;
        HEARD.set(Some(heard.clone()));
        Ok(Ears {
            heard,
            wake,
            thread: Some(thread),
        })
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
    fn drop(&mut self) {
        HEARD.take();
        self.heard.change(|state| state.is_closed = true);
        // A counter that cannot be written wakes nobody, and then nobody is waited for.
        if self.wake.notify().is_ok()
            && let Some(thread) = self.thread.take()
        {
            // Its panic has told of itself.
            let _ = thread.join();
        }
    }
}

/// Waits for a signal; false if it is woken first.
fn hear(signals: &SignalFd, wake: &EventFd) -> bool {
    loop {
        let both = [signals.as_fd(), wake.as_fd()];
        let mut both = both.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        if retry_on_intr(|| poll(&mut both, None)).is_err() {
            return false;
        }
        match signals.read() {
            Ok(Some(_)) => return true,
            Ok(None) => {}
            Err(_) => return false,
        }
        if wake.drain().is_ok_and(|woken| woken > 0) {
            return false;
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
