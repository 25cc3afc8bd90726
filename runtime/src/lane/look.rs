//! Whether a worker that has just worked looks for more before it sleeps, where that was asked for (row
//! T11), and for how long.
//!
//! To fall asleep and be roused again costs two system calls and, on another CPU, the time in which that
//! comes out of idle: more than a piece of work may cost. So a worker looks, where it has lately found
//! something by doing so. Called by [`worker`](super::worker). Pure: it remembers how looking went, and
//! neither looks nor reads a clock. A worker that has not worked since it last slept never looks.

use std::time::Duration;

/// After so much work without a pause a worker sleeps at once: what that costs is shared by all of it, and
/// while it sleeps more gathers than it would find one by one, in the way of who submits it.
const RUN_MOST: u32 = 16;
/// So often in a row looking is left out at most: 2^6 - 1 times.
const STREAK_MOST: u32 = 6;

/// Recent outcomes of looking for work.
#[derive(Debug)]
pub(super) struct Looks {
    /// Time that one look takes at most; zero: the worker never looks.
    most: Duration,
    /// Times in a row that nothing was found.
    streak: u32,
    /// Times that it is still to be left out.
    skips: u32,
}

impl Looks {
    pub(super) fn new(most: Duration) -> Looks {
        Looks {
            most,
            streak: 0,
            skips: 0,
        }
    }

    /// Returns how long to look after `run` pieces of work without a pause; None: not at all.
    #[inline]
    pub(super) fn after_work(&self, run: u32) -> Option<Duration> {
        let pays = !self.most.is_zero() && self.skips == 0 && run <= RUN_MOST;
        pays.then_some(self.most)
    }

    /// Notes that the worker found no work and went to sleep without looking.
    #[inline]
    pub(super) fn slept_at_once(&mut self) {
        self.skips = self.skips.saturating_sub(1);
    }

    /// Notes that the worker looked, and whether it found work.
    #[inline]
    pub(super) fn looked(&mut self, found: bool) {
        self.streak = match found {
            true => 0,
            false => (self.streak + 1).min(STREAK_MOST),
        };
        self.skips = (1 << self.streak) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_micros(10);

    /// Of `sleeps` times that there is nothing to do, how often it looks if it finds nothing.
    fn looks_in_vain(looks: &mut Looks, sleeps: u32) -> u32 {
        let mut looked = 0;
        for _ in 0..sleeps {
            match looks.after_work(1) {
                Some(_) => {
                    looks.looked(false);
                    looked += 1;
                }
                None => looks.slept_at_once(),
            }
        }
        looked
    }

    #[test]
    fn t11_who_looks_in_vain_leaves_it_out_more_and_more_often() {
        let mut looks = Looks::new(MOST);
        assert_eq!(looks_in_vain(&mut looks, 1 + 1), 1);
        assert_eq!(looks_in_vain(&mut looks, 1 + 3), 1);
        assert_eq!(looks_in_vain(&mut looks, 1 + 7), 1);
        looks_in_vain(&mut looks, 1000);
        assert_eq!(looks_in_vain(&mut looks, 64_000), 1000, "one in 64 is left");
    }

    #[test]
    fn who_finds_something_goes_on_looking() {
        let mut looks = Looks::new(MOST);
        for _ in 0..100 {
            assert_eq!(looks.after_work(1), Some(MOST));
            looks.looked(true);
        }
        looks_in_vain(&mut looks, 1000);
        while looks.after_work(1).is_none() {
            looks.slept_at_once();
        }
        looks.looked(true);
        assert_eq!(looks.after_work(1), Some(MOST), "one success is enough");
    }

    #[test]
    fn after_a_long_run_it_sleeps_at_once() {
        let looks = Looks::new(MOST);
        assert_eq!(looks.after_work(RUN_MOST), Some(MOST));
        assert_eq!(looks.after_work(RUN_MOST + 1), None);
    }

    #[test]
    fn t11_who_is_not_asked_to_look_never_does() {
        let mut never = Looks::new(Duration::ZERO);
        assert_eq!(looks_in_vain(&mut never, 100), 0);
    }
}
