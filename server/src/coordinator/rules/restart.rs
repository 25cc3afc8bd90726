//! How soon a core that ended badly starts again, and when that is given up (row M3).
//!
//! The first one starts at once: its clients wait. Each further one within the window waits twice as
//! long as the one before. Too many within the window, and the process ends, for its supervisor to
//! start it anew.

use ringgate_runtime::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Ends that are further back do not count.
const WINDOW: Duration = Duration::from_secs(60);
/// Ends within the window at which it is given up.
pub(crate) const ENDS_MAX: usize = 16;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The bad ends of late.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    ends: VecDeque<Moment>,
}

/// The step after a bad end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Start another after this pause.
    After(Duration),
    /// Too many.
    GiveUp,
}

impl Restarts {
    /// A core ended badly.
    pub(crate) fn ended(&mut self, now: Moment) -> Next {
        self.ends.retain(|end| now.since(*end) < WINDOW);
        self.ends.push_back(now);
        let count = self.ends.len();
        if count >= ENDS_MAX {
            return Next::GiveUp;
        }
        let Some(doublings) = count.checked_sub(2) else {
            return Next::After(Duration::ZERO);
        };
        Next::After((FIRST_PAUSE * (1 << doublings)).min(PAUSE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m3_the_first_restart_is_at_once_and_the_others_wait_twice_as_long_each() {
        let mut restarts = Restarts::default();
        let pauses: Vec<Next> = (1..16).map(|_| restarts.ended(Moment::default())).collect();
        let doubled = [0, 25, 50, 100, 200, 400, 800, 1600];
        let longest = [2000; 7];
        let millis = doubled.into_iter().chain(longest);
        let expected = millis.map(|ms| Next::After(Duration::from_millis(ms)));
        assert_eq!(pauses, Vec::from_iter(expected));
        assert_eq!(restarts.ended(Moment::default()), Next::GiveUp);
    }

    #[test]
    fn m3_an_end_counts_for_a_minute() {
        let minute = Duration::from_secs(60);
        let next = |later| {
            let mut restarts = Restarts::default();
            let first = restarts.ended(Moment::default());
            assert_eq!(first, Next::After(Duration::ZERO));
            restarts.ended(Moment::default() + later)
        };
        let second = Next::After(Duration::from_millis(25));
        assert_eq!(next(minute - Duration::from_nanos(1)), second);
        assert_eq!(next(minute), Next::After(Duration::ZERO));
    }

    #[test]
    fn m3_too_many_bad_ends_within_the_window_are_given_up() {
        let mut restarts = Restarts::default();
        for _ in 1..ENDS_MAX {
            assert_ne!(restarts.ended(Moment::default()), Next::GiveUp);
        }
        assert_eq!(restarts.ended(Moment::default()), Next::GiveUp);
    }

    #[test]
    fn m3_old_ends_are_forgiven() {
        let mut restarts = Restarts::default();
        for minute in 0..100u32 {
            let now = Moment::default() + WINDOW * minute;
            assert_eq!(restarts.ended(now), Next::After(Duration::ZERO));
        }
    }
}
