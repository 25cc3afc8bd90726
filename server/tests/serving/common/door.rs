//! A door that holds up whoever comes to it until the test opens it, with its core or its worker.

use super::PATIENCE;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Shut,
    Open,
    /// Somebody waited for longer than any test takes.
    GivenUp,
}

#[derive(Clone)]
pub(crate) struct Door(Arc<(Mutex<State>, Condvar)>);

impl Default for Door {
    fn default() -> Door {
        Door(Arc::new((Mutex::new(State::Shut), Condvar::new())))
    }
}

impl Door {
    /// Waits, and holds the thread, until the door is open.
    pub(crate) fn pass(&self) {
        let (state, told) = &*self.0;
        let shut = state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = told.wait_timeout_while(shut, 2 * PATIENCE, |state| *state == State::Shut);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *state == State::Shut {
            *state = State::GivenUp;
        }
    }

    /// Lets everybody pass; what was to happen before has happened while the door was shut.
    #[track_caller]
    pub(crate) fn open(&self) {
        let (state, told) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(*state != State::GivenUp, "nobody waits any more");
        *state = State::Open;
        told.notify_all();
    }
}
