//! At most one line a second for each reason, with the count of those not written.
//!
//! Pure: time is an argument. Each core owns one [`RateLimit`] and asks it before it logs something
//! that a client can make happen as often as it likes. No locks and no atomics, so it is not
//! `Sync`; two cores each write their own line. [`limited!`] or the caller writes the line.
//!
//! [`limited!`]: limited

use std::cell::{Cell, RefCell};

/// The shortest time between two lines of one reason, in nanoseconds.
pub(crate) const INTERVAL_NANOS: u64 = 1_000_000_000;

/// Whether to write the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Decision {
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
pub(crate) struct RateLimit {
    // Grows by one the first time a reason is seen. Reasons are literals of the program, a few
    // dozen at most, so a search along the list beats hashing.
    slots: RefCell<Vec<Slot>>,
}

impl RateLimit {
    /// A limiter that has seen nothing.
    pub(crate) const fn new() -> Self {
        Self {
            slots: RefCell::new(Vec::new()),
        }
    }

    /// Counts one event of `reason` at `now_nanos` (any monotonic clock, always the same one) and
    /// decides whether it is written.
    pub(crate) fn check(&self, now_nanos: u64, reason: &'static str) -> Decision {
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
macro_rules! limited {
    ($limiter:expr, $now_nanos:expr, $level:ident, $reason:expr, $($event:tt)+) => {{
        let reason: &'static str = $reason;
        if let $crate::observe::log::Decision::Emit { suppressed } =
            $limiter.check($now_nanos, reason)
        {
            tracing::$level!(
                reason,
                suppressed = (suppressed > 0).then_some(suppressed),
                $($event)+
            );
        }
    }};
}
pub(crate) use limited;

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
            // What was held back is told with the next line.
            let Decision::Emit { suppressed } = limit.check(now + SECOND, "reset") else {
                panic!("a second later a line is due");
            };
            assert_eq!(told + suppressed, gaps.len() as u64);
        }
    }
}
