//! Starts of cores that failed, for want of descriptors, memory or threads: when the next one is tried,
//! what is said of it, and when the pool is whole again. Failed starts are tried again for ever: what is
//! short is mostly short for a moment, and the cores that serve go on meanwhile.
//!
//! Asked by the coordinator's `run/sizing.rs`. Cores that end badly
//! after their start are [`restart`](super::restart)'s.

use ringgate_runtime::Moment;
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause is longer.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often a shortage that lasts is said again.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// How long somebody waits for a new size whose cores cannot start.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The failed starts of late.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    rounds: u32,
    /// When the starts that failed in this round are tried again.
    again: Moment,
    why: Option<String>,
    said: Option<Moment>,
}

/// The steps after a failed start.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed {
    /// When to try again.
    pub(crate) again: Moment,
    /// Whether the log is to say it.
    pub(crate) say: bool,
}

impl Starts {
    /// A start failed. Starts that fail until the next attempt belong to one round; each round without
    /// a start that succeeded waits twice as long as the one before.
    pub(crate) fn failed(&mut self, now: Moment, why: &str) -> Failed {
        if self.rounds == 0 || now >= self.again {
            let pause = FIRST_PAUSE * (1 << self.rounds.min(5));
            self.again = now + pause.min(PAUSE_MAX);
            self.rounds = self.rounds.saturating_add(1);
        }
        let is_news = self.why.as_deref() != Some(why);
        let is_old = self.said.is_none_or(|said| now.since(said) >= SAY_EVERY);
        let say = is_news || is_old;
        if say {
            self.said = Some(now);
            self.why = Some(why.to_owned());
        }
        Failed {
            again: self.again,
            say,
        }
    }

    /// A core has started: the next pause is short again.
    pub(crate) fn succeeded(&mut self) {
        self.rounds = 0;
    }

    /// Every core that is wanted runs. Returns whether that is news.
    #[must_use]
    pub(crate) fn whole(&mut self) -> bool {
        self.said = None;
        self.why.take().is_some()
    }

    /// Why the last start failed, with its cure; None if the pool is whole.
    pub(crate) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// The answer for somebody who has waited since `since` for cores that do not start; None: he waits on.
    pub(crate) fn verdict(&self, now: Moment, since: Moment) -> Option<&str> {
        self.why().filter(|_| now.since(since) >= WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::default() + Duration::from_millis(millis)
    }

    #[test]
    fn failed_starts_are_tried_again_for_ever_each_time_after_twice_the_pause() {
        let mut starts = Starts::default();
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..1000 {
            let again = starts.failed(now, "no descriptor").again;
            pauses.push(again.since(now).as_millis());
            now = again;
        }
        assert_eq!(pauses[..6], [100, 200, 400, 800, 1600, 2000]);
        assert!(pauses[6..].iter().all(|pause| *pause == 2000));
        starts.succeeded();
        assert_eq!(starts.failed(now, "no descriptor").again, now + FIRST_PAUSE);
    }

    #[test]
    fn thirty_starts_that_fail_together_are_one_round() {
        let mut starts = Starts::default();
        for millis in 0..30 {
            assert_eq!(starts.failed(at(millis), "no memory").again, at(100));
        }
        assert_eq!(starts.failed(at(100), "no memory").again, at(300));
    }

    #[test]
    fn a_shortage_is_said_at_its_start_when_its_cause_changes_and_once_a_minute() {
        let mut starts = Starts::default();
        let mut says = |millis, why| starts.failed(at(millis), why).say;
        assert!(says(0, "no memory"));
        assert!(!says(100, "no memory"));
        assert!(says(300, "no descriptor"));
        assert!(!says(60_299, "no descriptor"));
        assert!(says(60_300, "no descriptor"));
    }

    #[test]
    fn the_end_of_a_shortage_is_news_once() {
        let mut starts = Starts::default();
        assert!(!starts.whole());
        let _ = starts.failed(at(0), "no memory");
        assert_eq!(starts.why(), Some("no memory"));
        assert!(starts.whole());
        assert!(!starts.whole());
        assert_eq!(starts.why(), None);
    }

    #[test]
    fn who_waits_for_cores_that_do_not_start_hears_why_when_the_time_is_up() {
        let mut starts = Starts::default();
        let asked = at(0);
        assert_eq!(starts.verdict(asked + WAIT_MAX, asked), None, "they start");
        let _ = starts.failed(at(10), "no memory");
        assert_eq!(WAIT_MAX, Duration::from_secs(5));
        let nano = Duration::from_nanos(1);
        assert_eq!(starts.verdict(asked + (WAIT_MAX - nano), asked), None);
        assert_eq!(starts.verdict(asked + WAIT_MAX, asked), Some("no memory"));
    }
}
