//! Whether a core is well, by the time since its last sign of life (rows M4 and M5). A sign of life
//! is a turn of its loop, or that it sleeps in the kernel: who waits for work is not stuck. All
//! limits include their end; the clock is monotonic.
//!
//! It does not know what is done about it: stalled, its listeners are helped, which is undone as
//! soon as it turns again; late, its stack is dumped and it is replaced; over, its sockets are shut
//! down.

use std::time::Duration;

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thresholds {
    /// Stalled from here on.
    pub(crate) stall: Duration,
    /// Late from here on: the interval between heartbeats and the time that one may be overdue.
    pub(crate) late: Duration,
    /// Over so long after that.
    pub(crate) grace: Duration,
}

/// How a core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Health {
    /// It turns, or waits for work.
    Well,
    /// It has made no turn for a while.
    Stalled,
    /// It is taken for stuck.
    Late,
    /// The time to come to its senses is over.
    Over,
}

/// How a core is that has given no sign of life for `silent`.
pub(crate) fn judge(silent: Duration, thresholds: Thresholds) -> Health {
    let Thresholds { stall, late, grace } = thresholds;
    if silent >= late.saturating_add(grace) {
        Health::Over
    } else if silent >= late {
        Health::Late
    } else if silent >= stall {
        Health::Stalled
    } else {
        Health::Well
    }
}

/// For how long a core has been silent that was so for `silent` before `passed` more: not counting the
/// time `starved` in which it was ready to run and had no CPU, which is the machine's fault. A core that
/// a busy machine holds up is not stuck. The kernel tells of such a wait when it is over, so that it may
/// make up for silence of earlier ticks.
pub(crate) fn silence(silent: Duration, passed: Duration, starved: Duration) -> Duration {
    (silent + passed).saturating_sub(starved)
}

/// How often to look, so that a stall is seen within a quarter of its threshold.
pub(crate) fn tick(thresholds: Thresholds) -> Duration {
    let shortest = thresholds.stall.min(thresholds.late);
    (shortest / 4).clamp(Duration::from_millis(5), Duration::from_millis(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Thresholds = Thresholds {
        stall: Duration::from_millis(250),
        late: Duration::from_secs(25),
        grace: Duration::from_secs(20),
    };
    const NANO: Duration = Duration::from_nanos(1);

    #[test]
    fn m5_both_limits_include_their_end() {
        let late = LIMITS.late;
        assert_eq!(judge(late - NANO, LIMITS), Health::Stalled);
        assert_eq!(judge(late, LIMITS), Health::Late);
        let over = late + LIMITS.grace;
        assert_eq!(judge(over - NANO, LIMITS), Health::Late);
        assert_eq!(judge(over, LIMITS), Health::Over);
    }

    #[test]
    fn m4_a_stall_begins_at_its_limit_and_ends_with_any_sign_of_life() {
        assert_eq!(judge(Duration::ZERO, LIMITS), Health::Well);
        assert_eq!(judge(LIMITS.stall - NANO, LIMITS), Health::Well);
        assert_eq!(judge(LIMITS.stall, LIMITS), Health::Stalled);
    }

    #[test]
    fn m4_a_core_without_a_cpu_is_not_silent() {
        let ms = Duration::from_millis;
        let nothing = Duration::ZERO;
        assert_eq!(
            silence(nothing, ms(60), ms(0)),
            ms(60),
            "it sleeps or burns its CPU"
        );
        assert_eq!(silence(nothing, ms(60), ms(50)), ms(10));
        assert_eq!(
            silence(nothing, ms(60), ms(70)),
            ms(0),
            "read a little later"
        );
        // One long wait, of which the kernel tells in the fourth tick.
        let waited = [0, 0, 0, 230].iter().fold(nothing, |silent, starved| {
            silence(silent, ms(60), ms(*starved))
        });
        assert_eq!(waited, ms(10));
    }

    #[test]
    fn without_grace_a_late_core_is_over_at_once() {
        let limits = Thresholds {
            grace: Duration::ZERO,
            ..LIMITS
        };
        assert_eq!(judge(limits.late, limits), Health::Over);
    }

    #[test]
    fn a_stall_is_seen_within_a_quarter_of_its_limit() {
        assert_eq!(tick(LIMITS), Duration::from_micros(62_500));
        let slow = Thresholds {
            stall: Duration::from_secs(60),
            ..LIMITS
        };
        assert_eq!(tick(slow), Duration::from_millis(100));
    }
}
