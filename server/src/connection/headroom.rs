//! Headroom for connections in the process: how many may be open over all cores, so that
//! descriptors are left for everything else. The bound of one core (`max_connections`; row M10,
//! docs/seeds.md) is [`super::accept`]'s.
//!
//! The cores count here when a connection gets a seat and when it leaves it, and look before they accept; and
//! when another protocol than HTTP begins and ends on one (`max_websockets`). These counts alone have many writers:
//! a sum of the cores' own would have to be read at every accept. Requests never touch them. How much room there
//! is, the coordinator decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of connections open over all cores, and the number that may be. On cache lines of its own.
#[repr(align(128))]
pub(crate) struct Headroom {
    open: AtomicU64,
    most: AtomicU64,
    /// Connections over all cores on which another protocol than HTTP is spoken.
    upgraded: AtomicU64,
    /// As many connections as all cores together may bring in before they look again.
    burst: u64,
}

impl Headroom {
    /// Headroom for `most` connections; None: no bound.
    pub(crate) fn new(most: Option<u64>, burst: u64) -> Headroom {
        Headroom {
            open: AtomicU64::new(0),
            most: AtomicU64::new(most.unwrap_or(u64::MAX)),
            upgraded: AtomicU64::new(0),
            burst,
        }
    }

    /// Whether there is room for one more with another protocol, of which `most` may be; it is counted then.
    fn enter_upgraded(&self, most: Option<u64>) -> bool {
        let most = most.unwrap_or(u64::MAX);
        let one_more = |count: u64| (count < most).then_some(count + 1);
        let relaxed = Ordering::Relaxed;
        self.upgraded
            .fetch_update(relaxed, relaxed, one_more)
            .is_ok()
    }

    /// So many connections with another protocol less.
    fn leave_upgraded(&self, count: u64) {
        self.upgraded.fetch_sub(count, Ordering::Relaxed);
    }

    /// Another bound. Connections beyond it stay.
    pub(crate) fn set(&self, most: Option<u64>) {
        self.most.store(most.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// One connection more.
    #[inline]
    pub(crate) fn enter(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// So many connections less.
    #[inline]
    pub(crate) fn leave(&self, count: u64) {
        self.open.fetch_sub(count, Ordering::Relaxed);
    }

    /// Whether no more are to be accepted by who has accepted `more` that have no seat yet.
    pub(crate) fn is_full(&self, more: usize) -> bool {
        self.left() <= more as u64
    }

    /// Whether accepts that bring many connections could bring more than there is room for.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.left() <= self.burst
    }

    fn left(&self) -> u64 {
        let most = self.most.load(Ordering::Relaxed);
        most.saturating_sub(self.open.load(Ordering::Relaxed))
    }
}

impl Default for Headroom {
    /// Without a bound.
    fn default() -> Headroom {
        Headroom::new(None, 0)
    }
}

/// The places of one core among those that `max_websockets` bounds. The places that it still has when it is dropped
/// are given back: a core that panics takes none of them with it.
pub(super) struct Places {
    headroom: Arc<Headroom>,
    taken: u64,
}

impl Places {
    pub(super) fn new(headroom: Arc<Headroom>) -> Places {
        Places { headroom, taken: 0 }
    }

    /// Takes a place, if there are fewer than `most` over all cores.
    pub(super) fn enter(&mut self, most: Option<u64>) -> bool {
        let enters = self.headroom.enter_upgraded(most);
        self.taken += u64::from(enters);
        enters
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self) {
        self.headroom.leave_upgraded(1);
        self.goes_along();
    }

    /// A place goes to another core with its connection.
    pub(super) fn goes_along(&mut self) {
        debug_assert!(self.taken > 0, "a place that was not taken");
        self.taken = self.taken.saturating_sub(1);
    }

    /// A place came from another core with its connection.
    pub(super) fn came_along(&mut self) {
        self.taken += 1;
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.headroom.leave_upgraded(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_at_the_bound_and_nearly_full_a_burst_before() {
        let headroom = Headroom::new(Some(10), 4);
        assert!(!headroom.is_nearly_full());
        (0..6).for_each(|_| headroom.enter());
        assert!(headroom.is_nearly_full() && !headroom.is_full(0));
        assert!(!headroom.is_full(3));
        assert!(headroom.is_full(4), "four have no seat yet");
        (0..4).for_each(|_| headroom.enter());
        assert!(headroom.is_full(0));
        headroom.leave(7);
        assert!(!headroom.is_nearly_full());
    }

    #[test]
    fn the_places_of_a_core_that_is_gone_are_given_back_and_no_others() {
        let headroom = Arc::new(Headroom::default());
        let mut cores = [0, 1].map(|_| Places::new(headroom.clone()));
        let most = Some(3);
        assert!(cores[0].enter(most) && cores[0].enter(most) && cores[1].enter(most));
        assert!(!cores[1].enter(most), "over all cores");
        cores[0].goes_along();
        cores[1].came_along();
        let [first, mut second] = cores;
        drop(first);
        assert!(second.enter(most) && !second.enter(most));
        second.leave();
        drop(second);
        assert!(
            headroom.enter_upgraded(Some(1)),
            "nothing is left of either"
        );
    }

    #[test]
    fn a_lower_bound_than_what_is_open_lets_nobody_in() {
        let headroom = Headroom::default();
        (0..3).for_each(|_| headroom.enter());
        assert!(!headroom.is_nearly_full(), "there is no bound");
        headroom.set(Some(2));
        assert!(headroom.is_full(0));
        headroom.set(None);
        assert!(!headroom.is_full(0));
    }
}
