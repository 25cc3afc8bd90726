//! How many requests may still be issued, and for open loop the timetable.
//!
//! Thread `k` of `T` owns arrivals `k, k + T, k + 2T, ...` of one common timetable, so the whole
//! run keeps the asked rate whatever the number of threads. Even arrivals are computed from their
//! number, random ones gap by gap. Pure: the instant is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::load::options::{Amount, Arrivals, Options};

/// One worker's share of the run.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
    deadline: Option<Instant>,
}

impl Budget {
    pub(crate) fn new(options: &Options, thread: usize, start: Instant) -> Self {
        match options.amount() {
            Amount::For(duration) => Self {
                left: u64::MAX,
                deadline: Some(start + duration),
            },
            Amount::Requests(all) => {
                let threads = options.threads as u64;
                let extra = u64::from((thread as u64) < all % threads);
                Self {
                    left: all / threads + extra,
                    deadline: None,
                }
            }
        }
    }

    /// Takes up to `wanted` requests out of the budget.
    pub(crate) fn take(&mut self, wanted: u64, now: Instant) -> u64 {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.left = 0;
        }
        let taken = wanted.min(self.left);
        self.left -= taken;
        taken
    }

    /// Goes on for so much longer, if the run is one by time and not over.
    pub(crate) fn extend(&mut self, more: Duration) {
        self.deadline = self.deadline.map(|deadline| deadline + more);
    }

    /// Whether nothing more will be issued.
    pub(crate) fn is_spent(&self, now: Instant) -> bool {
        self.left == 0 || self.deadline.is_some_and(|deadline| now >= deadline)
    }
}

/// The open loop's fixed timetable and the requests that are due but not yet sent.
#[derive(Debug)]
pub(crate) struct Timetable {
    start: Instant,
    rate: u64,
    next: u64,
    /// When random arrivals bring the next one, in seconds from the start.
    at: Option<f64>,
    step: u64,
    end: Option<Instant>,
    /// Due requests that wait for a free connection, by the instant they were scheduled for.
    pub(crate) due: VecDeque<Instant>,
}

impl Timetable {
    /// The timetable of `thread`; `None` in closed loop.
    pub(crate) fn new(options: &Options, thread: usize, start: Instant) -> Option<Self> {
        let rate = options.rate?.get();
        let end = match options.amount() {
            Amount::For(duration) => Some(start + duration),
            Amount::Requests(_) => None,
        };
        let (next, step) = (thread as u64, options.threads as u64);
        let at = match options.arrivals {
            Arrivals::Even => None,
            Arrivals::Random => Some((0..=next).map(|number| random_gap(number, rate)).sum()),
        };
        Some(Self {
            start,
            rate,
            next,
            at,
            step,
            end,
            due: VecDeque::new(),
        })
    }

    /// The next arrival inside the window.
    fn next_arrival(&self) -> Option<Instant> {
        let after = match self.at {
            Some(at) => Duration::from_secs_f64(at),
            None => {
                let nanoseconds = u128::from(self.next) * 1_000_000_000 / u128::from(self.rate);
                Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
            }
        };
        let at = self.start + after;
        self.end.is_none_or(|end| at < end).then_some(at)
    }

    /// Goes on to this thread's next arrival.
    fn advance(&mut self) {
        let before = self.next;
        self.next += self.step;
        if let Some(at) = &mut self.at {
            let gaps = (before + 1..=self.next).map(|number| random_gap(number, self.rate));
            *at += gaps.sum::<f64>();
        }
    }

    /// The next arrival that the budget allows.
    pub(crate) fn upcoming(&self, budget: &Budget) -> Option<Instant> {
        self.next_arrival().filter(|_| budget.left > 0)
    }

    /// Whether nothing waits and nothing more will arrive.
    pub(crate) fn is_finished(&self, budget: &Budget) -> bool {
        self.due.is_empty() && self.upcoming(budget).is_none()
    }

    /// Moves the arrivals up to `now` into `due`, as far as the budget goes; returns how many.
    pub(crate) fn collect(&mut self, budget: &mut Budget, now: Instant) -> u64 {
        let mut collected = 0;
        while let Some(at) = self.next_arrival().filter(|at| *at <= now) {
            // An arrival inside the window counts even if it is noticed after the deadline.
            if budget.take(1, at) == 0 {
                break;
            }
            self.due.push_back(at);
            self.advance();
            collected += 1;
        }
        collected
    }
}

/// The time in seconds between a random arrival and the one before: exponentially distributed, as
/// those of a Poisson process are, with a mean of 1 / `rate`. A function of the number, so that all
/// threads agree.
fn random_gap(number: u64, rate: u64) -> f64 {
    // SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // Above 0 and at most 1: the 53 bits that a double holds.
    let share = ((bits >> 11) + 1) as f64 / (1u64 << 53) as f64;
    -share.ln() / rate as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(threads: usize) -> Options {
        let mut options = Options::to("http://127.0.0.1:1/".parse().unwrap());
        (options.connections, options.threads) = (8, threads);
        options
    }

    #[test]
    fn shares_of_a_request_count_add_up() {
        let start = Instant::now();
        let mut options = options(3);
        options.requests = Some(10);
        let shares = (0..3).map(|k| Budget::new(&options, k, start).take(u64::MAX, start));
        assert_eq!(shares.collect::<Vec<_>>(), [4, 3, 3]);
    }

    #[test]
    fn threads_share_one_timetable_and_a_late_look_misses_no_arrival() {
        let start = Instant::now();
        let mut options = options(2);
        (options.requests, options.duration) = (None, Some(Duration::from_secs(1)));
        options.rate = std::num::NonZeroU64::new(100);
        let mut all = Vec::new();
        for k in 0..2 {
            let mut budget = Budget::new(&options, k, start);
            let mut table = Timetable::new(&options, k, start).unwrap();
            table.collect(&mut budget, start + Duration::from_millis(500));
            table.collect(&mut budget, start + Duration::from_secs(60));
            assert_eq!(table.next_arrival(), None);
            all.extend(table.due);
        }
        all.sort();
        let expected: Vec<_> = (0..100)
            .map(|i| start + Duration::from_millis(10) * i)
            .collect();
        assert_eq!(all, expected);
    }

    /// All arrivals of `threads` threads in a minute, each thread's looks `apart`.
    fn random_arrivals(threads: usize, apart: Duration) -> Vec<Duration> {
        let start = Instant::now();
        let minute = Duration::from_secs(60);
        let mut options = options(threads);
        (options.requests, options.duration) = (None, Some(minute));
        options.rate = std::num::NonZeroU64::new(1000);
        options.arrivals = Arrivals::Random;
        let mut all = Vec::new();
        for k in 0..threads {
            let mut budget = Budget::new(&options, k, start);
            let mut table = Timetable::new(&options, k, start).unwrap();
            let mut look = Duration::ZERO;
            while look < minute {
                look += apart;
                table.collect(&mut budget, start + look);
            }
            all.extend(table.due.iter().map(|due| *due - start));
        }
        all.sort();
        all
    }

    #[test]
    fn random_arrivals_are_those_of_a_poisson_process_of_the_asked_rate() {
        let all = random_arrivals(1, Duration::from_secs(1));
        let count = all.len() as f64;
        // 60,000 are expected; the standard deviation is 245.
        assert!((count - 60_000.0).abs() < 1000.0, "{count}");
        let gaps: Vec<f64> = all
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1000.0)
            .collect();
        let share = |most: f64| gaps.iter().filter(|gap| **gap < most).count() as f64 / count;
        for most in [0.1, 0.5, 1.0, 2.0, 4.0] {
            let expected = 1.0 - f64::exp(-most);
            assert!((share(most) - expected).abs() < 0.02, "below {most} ms");
        }
    }

    #[test]
    fn random_arrivals_are_the_same_whoever_issues_them_and_whenever_he_looks() {
        let one = random_arrivals(1, Duration::from_secs(60));
        let three = random_arrivals(3, Duration::from_millis(7));
        assert_eq!(one.len(), three.len());
        let apart = |(a, b): (&Duration, &Duration)| a.abs_diff(*b);
        let most = one.iter().zip(&three).map(apart).max();
        assert!(most < Some(Duration::from_micros(1)), "{most:?}");
    }
}
