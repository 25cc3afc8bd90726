//! How long this core's thread was ready to run and had no CPU: time for which no handler is to blame.
//!
//! Asked by `long_poll.rs` once a step was found to be long by the clock. The kernel tells only how
//! long a thread has waited in all (`schedstat`, proc(5)), as it does for heartbeats, and asking costs
//! a file. So a look is taken beforehand, at most every [`LOOK`] and along with the renewal of the
//! date, and a second look once a step is suspected. The wait since the first look is taken off the
//! step's whole time, so a step is blamed for no more than it is sure to have held. A simulated core,
//! whose time is not that of its thread, waits for nothing.

use ringgate_runtime::sys::thread::{thread_id, work_time};
use ringgate_runtime::{Core, Moment};
use std::time::Duration;

/// How old the first look may be when another request begins.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The kernel's last report, and its time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CpuWait {
    seen: Option<(Moment, Duration)>,
}

impl CpuWait {
    /// Takes the first look. None if the core is simulated, else when the next one is due.
    pub(super) fn look(&mut self, core: &Core) -> Option<Duration> {
        core.ring_flags()?;
        let waited = waited_so_far();
        self.seen = waited.map(|waited| (core.clock(), waited));
        Some(LOOK)
    }

    /// For how long a step that began then and took so long held its core for sure.
    pub(super) fn held(&self, began: Moment, took: Duration) -> Duration {
        match (self.seen, self.seen.and_then(|_| waited_so_far())) {
            (Some(seen), Some(waited)) => held(began, took, seen, waited),
            // The kernel does not tell.
            _ => took,
        }
    }
}

fn waited_so_far() -> Option<Duration> {
    work_time(thread_id()).ok().map(|time| time.waited)
}

/// The part of a step that neither lies before the first look nor was waited since.
fn held(began: Moment, took: Duration, seen: (Moment, Duration), waited: Duration) -> Duration {
    let (at, waited_then) = seen;
    let end = began + took;
    let known_since = began.max(at);
    (end - known_since).saturating_sub(waited.saturating_sub(waited_then))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_step_is_blamed_for_no_more_than_it_is_sure_to_have_held() {
        let at = |milliseconds: u64| Moment::from_nanos(milliseconds * 1_000_000);
        // The look was just before the step, or long before, or after its beginning.
        for (began, took, seen, waited, expected) in [
            (at(100), ms(80), (at(100), ms(5)), ms(5), ms(80)),
            (at(100), ms(80), (at(100), ms(5)), ms(65), ms(20)),
            (at(100), ms(80), (at(10), ms(5)), ms(20), ms(65)),
            (at(100), ms(80), (at(10), ms(5)), ms(500), ms(0)),
            (at(100), ms(80), (at(130), ms(5)), ms(15), ms(40)),
            (at(100), ms(80), (at(300), ms(5)), ms(5), ms(0)),
        ] {
            assert_eq!(
                held(began, took, seen, waited),
                expected,
                "{began:?} {seen:?}"
            );
        }
    }
}
