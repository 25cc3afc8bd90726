//! At most one line a second for each reason, with the count of those not written.
//!
//! Pure: time is an argument. Each core owns one [`RateLimit`] and asks it before it logs
//! something that a client can make happen as often as it likes. No locks and no atomics, so it
//! is not `Sync`; two cores each write their own line. It does not write the line: [`limited!`]
//! or the caller does.
//!
//! [`limited!`]: crate::limited

use std::cell::{Cell, RefCell};

/// The shortest time between two lines of one reason, in nanoseconds.
pub const INTERVAL_NANOS: u64 = 1_000_000_000;

/// Whether to write the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Write it, and say that `suppressed` earlier ones of the same reason were not written.
    Emit {
        /// Events of this reason since its last line.
        suppressed: u64,
    },
    /// Do not write it; it was counted.
    Suppress,
}

#[derive(Debug)]
struct Slot {
    reason: &'static str,
    emitted_nanos: Cell<u64>,
    suppressed: Cell<u64>,
}

/// Decides line by line; see the module.
#[derive(Debug, Default)]
pub struct RateLimit {
    // Grows by one the first time a reason is seen. Reasons are literals of the program, a few
    // dozen at most, so a search along the list beats hashing.
    slots: RefCell<Vec<Slot>>,
}

impl RateLimit {
    /// A limiter that has seen nothing.
    pub const fn new() -> Self {
        Self {
            slots: RefCell::new(Vec::new()),
        }
    }

    /// Counts one event of `reason` at `now_nanos` (any monotonic clock, always the same one) and
    /// decides whether it is written.
    pub fn check(&self, now_nanos: u64, reason: &'static str) -> Decision {
        if let Some(slot) = self
            .slots
            .borrow()
            .iter()
            .find(|slot| slot.reason == reason)
        {
            if !slot.due(now_nanos) {
                slot.suppressed.set(slot.suppressed.get() + 1);
                return Decision::Suppress;
            }
            slot.emitted_nanos.set(now_nanos);
            return Decision::Emit {
                suppressed: slot.suppressed.take(),
            };
        }
        self.slots.borrow_mut().push(Slot {
            reason,
            emitted_nanos: Cell::new(now_nanos),
            suppressed: Cell::new(0),
        });
        Decision::Emit { suppressed: 0 }
    }

    /// Hands `report` each reason with events that no line has told of, if its last line is a
    /// second old. To be called about once a second, so that the end of a burst is told too.
    pub fn flush(&self, now_nanos: u64, report: impl FnMut(&'static str, u64)) {
        self.report_where(|slot| slot.due(now_nanos), now_nanos, report);
    }

    /// As [`RateLimit::flush`], but at once: for the exit.
    pub fn finish(&self, now_nanos: u64, report: impl FnMut(&'static str, u64)) {
        self.report_where(|_| true, now_nanos, report);
    }

    fn report_where(
        &self,
        wanted: impl Fn(&Slot) -> bool,
        now_nanos: u64,
        mut report: impl FnMut(&'static str, u64),
    ) {
        // By index, with no borrow held while `report` runs: it may come back with an event.
        let take = |index: usize| {
            let slots = self.slots.borrow();
            let slot = slots.get(index)?;
            let told = wanted(slot) && slot.suppressed.get() > 0;
            if told {
                slot.emitted_nanos.set(now_nanos);
            }
            Some((slot.reason, if told { slot.suppressed.take() } else { 0 }))
        };
        let mut index = 0;
        while let Some((reason, suppressed)) = take(index) {
            if suppressed > 0 {
                report(reason, suppressed);
            }
            index += 1;
        }
    }
}

impl Slot {
    fn due(&self, now_nanos: u64) -> bool {
        now_nanos.saturating_sub(self.emitted_nanos.get()) >= INTERVAL_NANOS
    }
}

/// Logs an event unless one of the same reason was logged within the last second.
///
/// `limited!(limiter, now_nanos, warn, "reason", fields and message as in tracing::warn!)`.
/// The line carries `reason`, and `suppressed` when earlier events were not written.
///
/// ```
/// let limiter = ringgate::observe::log::RateLimit::new();
/// ringgate::limited!(limiter, 0, warn, "accept_emfile", open = 1024, "no descriptor left");
/// ```
#[macro_export]
macro_rules! limited {
    ($limiter:expr, $now_nanos:expr, $level:ident, $reason:expr, $($event:tt)+) => {{
        let reason: &'static str = $reason;
        if let $crate::observe::log::Decision::Emit { suppressed } =
            $limiter.check($now_nanos, reason)
        {
            $crate::observe::log::tracing::$level!(
                reason,
                suppressed = (suppressed > 0).then_some(suppressed),
                $($event)+
            );
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = INTERVAL_NANOS;

    #[test]
    fn the_first_event_is_written_and_the_rest_of_the_second_is_counted() {
        let limit = RateLimit::new();
        assert_eq!(limit.check(5, "reset"), Decision::Emit { suppressed: 0 });
        for n in 0..99 {
            assert_eq!(limit.check(5 + n, "reset"), Decision::Suppress);
        }
        assert_eq!(limit.check(4 + SECOND, "reset"), Decision::Suppress);
        assert_eq!(
            limit.check(5 + SECOND, "reset"),
            Decision::Emit { suppressed: 100 }
        );
        assert_eq!(
            limit.check(5 + 2 * SECOND, "reset"),
            Decision::Emit { suppressed: 0 }
        );
    }

    #[test]
    fn reasons_do_not_hold_each_other_back() {
        let limit = RateLimit::new();
        assert_eq!(limit.check(0, "reset"), Decision::Emit { suppressed: 0 });
        assert_eq!(limit.check(0, "timeout"), Decision::Emit { suppressed: 0 });
        assert_eq!(limit.check(0, "reset"), Decision::Suppress);
    }

    #[test]
    fn a_flush_tells_the_end_of_a_burst_and_counts_as_its_line() {
        let limit = RateLimit::new();
        let mut told = Vec::new();
        let _ = limit.check(0, "reset");
        let _ = limit.check(1, "reset");
        let _ = limit.check(0, "quiet");
        limit.flush(SECOND - 1, |reason, count| told.push((reason, count)));
        assert_eq!(told, []);
        limit.flush(SECOND, |reason, count| told.push((reason, count)));
        assert_eq!(told, [("reset", 1)]);
        assert_eq!(limit.check(SECOND + 1, "reset"), Decision::Suppress);
        limit.flush(SECOND + 2, |reason, count| told.push((reason, count)));
        assert_eq!(told.len(), 1);
        limit.finish(SECOND + 3, |reason, count| told.push((reason, count)));
        assert_eq!(told, [("reset", 1), ("reset", 1)]);
    }

    #[test]
    fn a_report_may_come_back_with_an_event() {
        let limit = RateLimit::new();
        let _ = limit.check(0, "reset");
        let _ = limit.check(0, "reset");
        let mut told = 0;
        limit.flush(SECOND, |_, _| {
            told += 1;
            let _ = limit.check(SECOND, "new reason");
            let _ = limit.check(SECOND, "reset");
        });
        assert_eq!(told, 1);
    }

    #[test]
    fn a_clock_that_steps_back_suppresses_and_does_not_panic() {
        let limit = RateLimit::new();
        let _ = limit.check(SECOND, "reset");
        assert_eq!(limit.check(0, "reset"), Decision::Suppress);
    }

    proptest::proptest! {
        #[test]
        fn every_event_is_told_of_exactly_once(gaps in proptest::collection::vec(0..2 * SECOND, 1..200)) {
            let limit = RateLimit::new();
            let mut now = 0;
            let mut told = 0;
            let mut last_line = None;
            for gap in &gaps {
                now += gap;
                if let Decision::Emit { suppressed } = limit.check(now, "reset") {
                    told += 1 + suppressed;
                    assert!(last_line.is_none_or(|last| now - last >= SECOND));
                    last_line = Some(now);
                }
            }
            limit.finish(now, |_, count| told += count);
            assert_eq!(told, gaps.len() as u64);
        }
    }
}
