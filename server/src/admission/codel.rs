//! Whether a request that has waited is still worth serving: controlled delay (RFC 8289, section 5)
//! with requests in place of packets. A queue that empties now and then is left alone however long
//! it gets; one in which even the quickest waits longer than `target` for a whole `interval` is
//! standing, and loses its oldest, first one and then ever more often, until the wait is short again.
//!
//! Pure: time is an argument. Called by the gate whenever somebody's turn has come.

use ringgate_runtime::Moment;
use std::time::Duration;

/// How long a wait is normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delay {
    /// A wait that is acceptable for good; zero switches the control off.
    pub(crate) target: Duration,
    /// How long every wait must have been longer before one is refused.
    pub(crate) interval: Duration,
}

/// The state of controlled delay: since when the queue has been standing, and when it loses its next
/// request. The names are those of section 5 of RFC 8289.
#[derive(Debug, Default)]
pub(super) struct CoDel {
    /// When the wait will have been above the target for an interval.
    first_above: Option<Moment>,
    dropping: bool,
    drop_next: Moment,
    count: u32,
    last_count: u32,
}

impl CoDel {
    /// Whether the request whose turn it is at `now`, after waiting for `sojourn`, is refused
    /// instead. `left`: how many wait behind it.
    pub(super) fn refuses(
        &mut self,
        delay: Delay,
        now: Moment,
        sojourn: Duration,
        left: u32,
    ) -> bool {
        if delay.target.is_zero() {
            return false;
        }
        let standing = self.is_standing(delay, now, sojourn, left);
        if self.dropping {
            if !standing {
                self.dropping = false;
                return false;
            }
            if now < self.drop_next {
                return false;
            }
            self.count = self.count.saturating_add(1);
            self.drop_next = control_law(self.drop_next, delay.interval, self.count);
            return true;
        }
        if !standing {
            return false;
        }
        self.dropping = true;
        // Shortly after the last time it starts from the rate that had worked.
        let recent = now.since(self.drop_next) < delay.interval * 16;
        let delta = self.count.saturating_sub(self.last_count);
        self.count = if recent { delta.max(1) } else { 1 };
        self.drop_next = control_law(now, delay.interval, self.count);
        self.last_count = self.count;
        true
    }

    fn is_standing(&mut self, delay: Delay, now: Moment, sojourn: Duration, left: u32) -> bool {
        if sojourn < delay.target || left == 0 {
            self.first_above = None;
            return false;
        }
        match self.first_above {
            None => {
                self.first_above = Some(now + delay.interval);
                false
            }
            Some(until) => now >= until,
        }
    }
}

/// RFC 8289, section 5.4: the n-th refusal comes after interval / sqrt(n).
fn control_law(from: Moment, interval: Duration, count: u32) -> Moment {
    from + interval.div_f64(f64::from(count).sqrt())
}

#[cfg(all(test, not(model_checked)))]
mod tests {
    use super::*;

    const DELAY: Delay = Delay {
        target: Duration::from_millis(5),
        interval: Duration::from_millis(100),
    };

    fn at(ms: u64) -> Moment {
        Moment::from_nanos(ms * 1_000_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// One request a millisecond, each having waited that long: the milliseconds of refusals.
    fn refusals(from: u64, to: u64, wait: impl Fn(u64) -> u64) -> Vec<u64> {
        let mut codel = CoDel::default();
        (from..to)
            .filter(|now| codel.refuses(DELAY, at(*now), ms(wait(*now)), 10))
            .collect()
    }

    #[test]
    fn a_short_wait_is_never_refused() {
        assert!(refusals(0, 10_000, |_| 4).is_empty());
    }

    #[test]
    fn a_burst_that_drains_within_the_interval_is_not_refused() {
        let quick_at_times = |now| if now % 100 == 0 { 0 } else { 50 };
        assert!(refusals(0, 10_000, quick_at_times).is_empty());
    }

    #[test]
    fn a_standing_queue_is_refused_more_and_more_often() {
        let times = refusals(0, 1000, |_| 50);
        assert_eq!(times[0], 100, "after one interval");
        let gaps: Vec<u64> = times.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(gaps.is_sorted_by(|a, b| a >= b), "{gaps:?}");
        assert!(gaps[0] == 100 && gaps[gaps.len() - 1] < 40, "{gaps:?}");
    }

    #[test]
    fn the_last_in_line_is_not_refused() {
        let mut codel = CoDel::default();
        assert!((0..1000).all(|now| !codel.refuses(DELAY, at(now), ms(500), 0)));
    }

    #[test]
    fn section_5_a_queue_that_stands_again_soon_is_refused_at_the_rate_that_had_worked() {
        // It stands for a second, is short for a moment, and stands again.
        let pause = |pause: u64| {
            let again = 1000 + pause;
            let wait = move |now| if (1000..again).contains(&now) { 0 } else { 50 };
            let mut times = refusals(0, again + 300, wait).into_iter();
            let first = times.find(|now| *now > again).expect("it stands again");
            assert_eq!(first, again + 100, "after one interval");
            times.next().expect("and goes on to stand") - first
        };
        assert!(pause(10) < 30);
        assert_eq!(pause(5000), 100, "as if it had never stood");
        // To the millisecond, and from the difference to the time before.
        let count = |ago: u64, count: u32, last_count: u32| {
            let mut codel = CoDel {
                first_above: Some(at(0)),
                dropping: false,
                drop_next: at(1000),
                count,
                last_count,
            };
            assert!(codel.refuses(DELAY, at(1000 + ago), ms(50), 10));
            assert_eq!(codel.last_count, codel.count);
            codel.count
        };
        assert_eq!([count(0, 20, 1), count(1599, 20, 1)], [19, 19]);
        assert_eq!(count(1600, 20, 1), 1, "that is 16 intervals");
        assert_eq!([count(0, 5, 3), count(0, 4, 3), count(0, 2, 3)], [2, 1, 1]);
    }

    #[test]
    fn a_wait_as_long_as_the_target_is_too_long_and_the_time_counts_anew_after_a_short_one() {
        assert_eq!(refusals(0, 102, |_| 5), [100]);
        let short_once = |now| if now == 99 { 4 } else { 5 };
        assert_eq!(refusals(0, 202, short_once), [200]);
    }

    #[test]
    fn without_a_target_nobody_is_refused() {
        let mut codel = CoDel::default();
        let off = Delay::default();
        assert!((0..1000).all(|now| !codel.refuses(off, at(now), ms(5000), 10)));
    }
}
