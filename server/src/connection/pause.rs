//! How long accepting rests when descriptors or memory ran out (row H8, docs/seeds.md). A
//! connection that arrives meanwhile waits in the kernel's queue.
//!
//! Kept by [`super::accept`], which begins and ends pauses: at their time, or as soon as a
//! connection of this core closes. Here is only how long they are: twice as long each time, since
//! what is short may be the machine's, and trying costs it something too.

use ringgate_runtime::timer::TimerId;
use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_millis(20);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(1);

/// The pauses of one core.
#[derive(Default)]
pub(super) struct Pauses {
    now: Option<TimerId>,
    before: Option<Duration>,
}

impl Pauses {
    pub(super) fn is_paused(&self) -> bool {
        self.now.is_some()
    }

    /// How long the pause is that begins.
    pub(super) fn next(&mut self) -> Duration {
        let next = match self.before {
            None => FIRST,
            Some(before) => LONGEST.min(before * 2),
        };
        self.before = Some(next);
        next
    }

    /// Begins the pause, which lasts until this timer.
    pub(super) fn begin(&mut self, until: TimerId) {
        self.now = Some(until);
    }

    /// Ends the pause. Returns its timer, which may have fired.
    pub(super) fn end(&mut self) -> Option<TimerId> {
        self.now.take()
    }

    /// A connection was accepted: the next pause is short again.
    #[inline]
    pub(super) fn succeeded(&mut self) {
        self.before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_as_long_up_to_a_second_until_an_accept_succeeds() {
        let mut pauses = Pauses::default();
        let mut next = || pauses.next().as_millis();
        assert_eq!(
            [
                next(),
                next(),
                next(),
                next(),
                next(),
                next(),
                next(),
                next()
            ],
            [20, 40, 80, 160, 320, 640, 1000, 1000]
        );
        pauses.succeeded();
        assert_eq!(pauses.next(), FIRST);
    }
}
