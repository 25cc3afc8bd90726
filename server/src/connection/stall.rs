//! Whether a client that has not taken all of a send still takes some of it.
//!
//! A send asks for all of its bytes (MSG_WAITALL), so its completion tells of nothing in between. The
//! kernel knows better: it counts the bytes that the peer has acknowledged (tcp_info,
//! `tcpi_bytes_acked`; a peer whose buffer is full acknowledges again when a sixteenth of it is free). The
//! kernel is asked about suspected clients only, so a send that is quick costs nothing: a send in flight
//! is looked at [`LOOKS`] times within its time limit, and its client is stalled when nothing was
//! acknowledged for the whole of the limit. A stall is found at most two looks late.
//!
//! On a Unix socket the kernel counts sends that were taken whole; a send of 32 KiB is the most there
//! ([`Core::taken`]), and each that completes begins the limit anew.

use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::rate::Rate;
use crate::http1::exchange::Deadline;
use ringgate_runtime::{Core, Moment};
use std::collections::HashMap;
use std::time::Duration;

/// Looks within the limit on writing.
pub(super) const LOOKS: u32 = 8;

/// The bytes acknowledged, and when, of sends that have been looked at.
#[derive(Default)]
pub(super) struct Stalls {
    seen: HashMap<ConnectionKey, Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    /// When the send was looked at first, and what was acknowledged then.
    began: Moment,
    base: Option<u64>,
    acknowledged: Option<u64>,
    /// When it was seen to be so many for the first time.
    since: Moment,
    /// When the next look is due.
    next: Moment,
}

impl Stalls {
    /// A look that was due at `due`. None: nothing was acknowledged for as long as `limit`, as far
    /// as is known; else when the next look is due.
    fn look(
        &mut self,
        key: ConnectionKey,
        acknowledged: Option<u64>,
        due: Moment,
        now: Moment,
        limit: Duration,
        least: Option<Rate>,
    ) -> Option<Moment> {
        let pause = limit / LOOKS;
        let next = now + pause;
        let fresh = Seen {
            began: now,
            base: acknowledged,
            acknowledged,
            since: now,
            next,
        };
        let seen = self.seen.entry(key).or_insert(fresh);
        // A look that nobody planned here is the first one at another send.
        if seen.next != due && seen.next != next {
            *seen = fresh;
        }
        if seen.acknowledged != acknowledged {
            (seen.acknowledged, seen.since) = (acknowledged, now);
        }
        seen.next = next;
        if let (Some(least), Some(base), Some(acknowledged)) = (least, seen.base, acknowledged)
            && least.is_missed(acknowledged.saturating_sub(base), now - seen.began)
        {
            return None;
        }
        // Without a count what happened before the first look counts as well: it is the same send.
        let enough = match acknowledged {
            Some(_) => limit,
            None => limit - pause,
        };
        (now - seen.since < enough).then_some(next)
    }

    /// The connection is gone.
    #[inline]
    pub(super) fn forget(&mut self, key: ConnectionKey) {
        if !self.seen.is_empty() {
            self.seen.remove(&key);
        }
    }
}

impl Engine {
    /// A look at a send that is still in flight: whether its client is to be given up. If not, the
    /// next look is set.
    pub(super) fn is_stalled(&mut self, core: &Core, key: ConnectionKey) -> bool {
        let limit = self.settings.timeout(Deadline::Write);
        let least = self.settings.write_rate_min;
        let now = core.now();
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        let acknowledged = core.taken(&connection.socket);
        let due = connection.deadline;
        let Some(next) = self.stalls.look(key, acknowledged, due, now, limit, least) else {
            return true;
        };
        connection.deadline = next;
        let timer = core.set_timer(next, Subject::Deadline(key).to_key());
        connection.timer = Some((timer, next));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(8);
    const KEY: ConnectionKey = ConnectionKey::new(1, 1);

    fn at(seconds: u64) -> Moment {
        Moment::default() + Duration::from_secs(100 + seconds)
    }

    /// A look at this second, when it was due.
    fn is_stalled(stalls: &mut Stalls, second: u64, count: Option<u64>) -> bool {
        stalls
            .look(KEY, count, at(second), at(second), LIMIT, None)
            .is_none()
    }

    #[test]
    fn a_client_is_stalled_when_nothing_was_acknowledged_for_the_whole_limit() {
        let mut stalls = Stalls::default();
        assert!((1..=8).all(|second| !is_stalled(&mut stalls, second, Some(500))));
        // A single byte is progress.
        assert!((9..=16).all(|second| !is_stalled(&mut stalls, second, Some(501))));
        assert!(is_stalled(&mut stalls, 17, Some(501)));
    }

    #[test]
    fn another_send_is_given_the_whole_limit() {
        let mut stalls = Stalls::default();
        assert!(!is_stalled(&mut stalls, 1, Some(5)));
        // Begun at 30.
        assert!((31..39).all(|second| !is_stalled(&mut stalls, second, Some(5))));
        assert!(is_stalled(&mut stalls, 39, Some(5)));
        stalls.forget(KEY);
        assert!(stalls.seen.is_empty());
    }

    #[test]
    fn where_nobody_counts_the_whole_send_has_the_limit() {
        let mut stalls = Stalls::default();
        assert!((1..8).all(|second| !is_stalled(&mut stalls, second, None)));
        assert!(is_stalled(&mut stalls, 8, None));
    }

    #[test]
    fn a_client_below_the_least_rate_is_given_up_though_it_takes_something() {
        let least = Rate::new(100);
        // Of its send; the grace is not over before the tenth second.
        let given_up = |a_second: u64| {
            let mut stalls = Stalls::default();
            (1..=60).find(|second| {
                let count = Some(7_000 + a_second * second);
                let at = at(*second);
                stalls.look(KEY, count, at, at, LIMIT, least).is_none()
            })
        };
        assert_eq!(given_up(99), Some(11));
        assert_eq!(given_up(1), Some(11));
        assert_eq!(given_up(100), None);
    }
}
