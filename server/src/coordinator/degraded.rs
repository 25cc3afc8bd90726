//! The degraded state: fewer cores serve than are wanted, since the others cannot be started.
//!
//! Set by the coordinator, read from any thread: readiness, the service manager and `ctl resize` say it.
//! Why, and the cure, stand in the status and in the log.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Two numbers of cores, as long as fewer serve than are wanted. As text: `degraded: 1 of 2 cores`.
///
/// ```
/// use ringgate::Degraded;
///
/// let degraded = Degraded { serving: 1, target: 2 }; // as ServerHandle::degraded tells it
/// assert_eq!(degraded.to_string(), "degraded: 1 of 2 cores");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Degraded {
    /// Cores that serve.
    pub serving: u32,
    /// Cores that are wanted; more than serve.
    pub target: u32,
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Degraded { serving, target } = self;
        write!(f, "degraded: {serving} of {target} cores")
    }
}

/// Both numbers in one word, the target above; 0 is none.
#[derive(Debug, Default)]
pub(super) struct DegradedCell(AtomicU64);

impl DegradedCell {
    pub(super) fn get(&self) -> Option<Degraded> {
        let word = self.0.load(Ordering::Relaxed);
        let (serving, target) = (word as u32, (word >> u32::BITS) as u32);
        (word != 0).then_some(Degraded { serving, target })
    }

    /// Puts it down. Returns whether that is news.
    pub(super) fn set(&self, degraded: Option<Degraded>) -> bool {
        let word = |degraded: Degraded| {
            u64::from(degraded.target) << u32::BITS | u64::from(degraded.serving)
        };
        let new = degraded.map_or(0, word);
        self.0.swap(new, Ordering::Relaxed) != new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_back_and_only_a_change_is_news() {
        let cell = DegradedCell::default();
        assert_eq!(cell.get(), None);
        let some = Some(Degraded {
            serving: 0,
            target: 2,
        });
        assert!(cell.set(some));
        assert!(!cell.set(some));
        assert_eq!(cell.get(), some);
        assert!(cell.set(None));
        assert_eq!(cell.get(), None);
    }

    #[test]
    fn it_says_how_many_of_how_many_serve() {
        let degraded = Degraded {
            serving: 1,
            target: 2,
        };
        assert_eq!(degraded.to_string(), "degraded: 1 of 2 cores");
    }
}
