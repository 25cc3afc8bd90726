//! The least rate at which a client has to send a body or to take an answer, if there is one.
//!
//! Pure. Asked by `read.rs` when bytes of a body come, sealed or plain, by `upgraded/http2/read.rs` when plain ones do, and
//! by `stall.rs` when it looks at a send.

use ringgate_runtime::Moment;
use std::num::NonZeroU64;
use std::time::Duration;

/// A transfer is measured from here on: before that a connection may be slow to start.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(NonZeroU64);

impl Rate {
    /// A rate of so many bytes a second; None for 0.
    pub(crate) const fn new(bytes: u64) -> Option<Rate> {
        match NonZeroU64::new(bytes) {
            Some(bytes) => Some(Rate(bytes)),
            None => None,
        }
    }

    /// Whether a transfer of so many bytes in this time was slower.
    pub(super) fn is_missed(self, bytes: u64, time: Duration) -> bool {
        let wanted = u128::from(self.0.get()) * time.as_millis() / 1000;
        time >= GRACE && u128::from(bytes) < wanted
    }
}

/// How much of a body has come since when: counted anew after each pause of the server's own.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    bytes: u64,
    since: Option<Moment>,
}

impl Pace {
    /// Bytes are there: whether those before them came more slowly than they have to.
    pub(in crate::connection) fn is_slower_than(&mut self, least: Rate, now: Moment) -> bool {
        let Some(since) = self.since else {
            (self.bytes, self.since) = (0, Some(now));
            return false;
        };
        least.is_missed(self.bytes, now - since)
    }

    /// Bytes came.
    pub(in crate::connection) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// The server itself reads no more for now.
    pub(in crate::connection) fn pause(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_counted_from_the_first_bytes_behind_each_pause() {
        let least = Rate::new(10).expect("a rate");
        let at = |seconds| Moment::default() + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        assert!(!pace.is_slower_than(least, at(100)));
        pace.add(99);
        assert!(!pace.is_slower_than(least, at(109)));
        assert!(pace.is_slower_than(least, at(110)));
        pace.add(1);
        assert!(!pace.is_slower_than(least, at(110)));
        pace.pause();
        assert!(!pace.is_slower_than(least, at(500)));
        pace.add(99);
        assert!(!pace.is_slower_than(least, at(509)));
        assert!(pace.is_slower_than(least, at(510)));
    }

    #[test]
    fn a_rate_is_missed_only_after_the_grace() {
        let rate = Rate::new(10).expect("a rate");
        assert!(!rate.is_missed(0, GRACE - Duration::from_millis(1)));
        assert!(rate.is_missed(99, GRACE));
        assert!(!rate.is_missed(100, GRACE));
        assert!(rate.is_missed(u64::MAX / 2, Duration::MAX));
        assert_eq!(Rate::new(0), None);
    }
}
