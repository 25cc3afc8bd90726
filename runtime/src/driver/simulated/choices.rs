//! The choices of a run as data. All that a simulation leaves to chance is drawn by [`choose`]; on a thread that keeps
//! a [`Tape`] each choice is noted there, or comes from there. A run can so be had again with fewer faults and fewer
//! acts than its seed drew, which is how a failure is made small.
//!
//! Of each kind of choice 0 is the plainest: no fault, the shortest time.

use std::cell::RefCell;

thread_local! {
    static TAPE: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// The choices of one run, in the order in which they were made.
///
/// ```
/// use ringgate_runtime::driver::simulated::{Tape, choose};
///
/// Tape::note();
/// let rolled = choose(6, || 4); // what a seed says
/// assert_eq!(Tape::take(), [4]);
///
/// Tape::replay(vec![1]);
/// assert_eq!(choose(6, || rolled), 1);
/// assert_eq!(choose(6, || rolled), 0, "behind the end everything is plain");
/// assert_eq!(Tape::take(), [1, 0]);
/// ```
#[derive(Debug, Default)]
pub struct Tape {
    script: Option<Vec<u64>>,
    made: Vec<u64>,
}

impl Tape {
    /// From now on the choices of this thread are noted.
    pub fn note() {
        TAPE.set(Some(Tape::default()));
    }

    /// From now on the choices of this thread are these, whatever a seed says; behind their end all are 0.
    pub fn replay(script: Vec<u64>) {
        TAPE.set(Some(Tape {
            script: Some(script),
            made: Vec::new(),
        }));
    }

    /// Returns the choices that were made since, and lets seeds decide again.
    pub fn take() -> Vec<u64> {
        TAPE.take().map(|tape| tape.made).unwrap_or_default()
    }
}

/// A number below `below`: the drawn one, unless the choices of this thread are replayed. One of a replay that is too
/// great is the greatest there is.
///
/// ```
/// use ringgate_runtime::driver::simulated::choose;
///
/// assert_eq!(choose(6, || 4), 4);
/// ```
pub fn choose(below: u64, drawn: impl FnOnce() -> u64) -> u64 {
    TAPE.with_borrow_mut(|tape| {
        let Some(tape) = tape else {
            return drawn();
        };
        let chosen = match &tape.script {
            None => drawn(),
            Some(script) => {
                let next = script.get(tape.made.len()).copied().unwrap_or_default();
                next.min(below.saturating_sub(1))
            }
        };
        tape.made.push(chosen);
        chosen
    })
}
