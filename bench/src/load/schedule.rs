//! How many requests may still be issued, and for open loop the timetable.
//!
//! Thread `k` of `T` owns arrivals `k, k + T, k + 2T, ...` of one common timetable, so the whole
//! run keeps the asked rate whatever the number of threads. Pure: the instant is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::load::options::{Amount, Options};

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
        Some(Self {
            start,
            rate,
            next,
            step,
            end,
            due: VecDeque::new(),
        })
    }

    /// The next arrival inside the window.
    fn next_arrival(&self) -> Option<Instant> {
        let nanoseconds = u128::from(self.next) * 1_000_000_000 / u128::from(self.rate);
        let at = self.start + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.end.is_none_or(|end| at < end).then_some(at)
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
            self.next += self.step;
            collected += 1;
        }
        collected
    }
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
}
