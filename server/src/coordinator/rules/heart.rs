//! Whether a core is well, by the time since its last sign of life (rows M4 and M5). A sign of life
//! is a turn of its loop, or that it sleeps in the kernel: who waits for work is not stuck. All
//! limits include their end; the clock is monotonic.
//!
//! Decides nothing about what follows: of a stalled core the listeners are helped, which is undone as
//! soon as it turns again; late, its stack is dumped and it is replaced; over, its sockets are shut
//! down.

use ringgate_runtime::mailbox::Heartbeat;
use ringgate_runtime::sys::thread::WorkTime;
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
    /// The core turns, or waits for work.
    Well,
    /// The core has made no turn for a while.
    Stalled,
    /// The core is taken for stuck.
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
/// a busy machine holds up is not stuck.
pub(crate) fn silence(silent: Duration, passed: Duration, starved: Duration) -> Duration {
    (silent + passed).saturating_sub(starved)
}

/// How long a silent core's thread has had no CPU though it was ready for one. The kernel tells of such a
/// wait when it is over, which may be too late; until then it is taken for granted of a thread that is
/// ready and has not run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hunger {
    before: Option<WorkTime>,
    /// Taken for granted, and not told yet.
    granted: Duration,
}

impl Hunger {
    /// How much of the time `passed` since the last look it had none. `work` is what its thread has
    /// been given in all, `ready` whether it wants a CPU now.
    pub(crate) fn look(&mut self, passed: Duration, work: WorkTime, ready: bool) -> Duration {
        let before = self.before.replace(work).unwrap_or(work);
        let ran = work.ran.saturating_sub(before.ran);
        let told = work.waited.saturating_sub(before.waited);
        let news = told.saturating_sub(self.granted);
        self.granted = self.granted.saturating_sub(told);
        if !ready {
            self.granted = Duration::ZERO;
            return news;
        }
        let grant = passed.saturating_sub(ran + told);
        self.granted += grant;
        news + grant
    }
}

/// The signs of life of a core, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pulse {
    turns: u64,
    /// How long it has given none. Added up look by look and not taken from a clock: when the whole
    /// process was stopped, no core is to blame.
    silent: Duration,
    hunger: Hunger,
}

impl Pulse {
    /// Looks `passed` after the last look. `work` tells what the kernel has given the thread, and whether
    /// it wants a CPU now; None where the kernel does not tell, and then every silence counts.
    pub(crate) fn feel(
        &mut self,
        beat: Heartbeat,
        passed: Duration,
        work: impl FnOnce() -> Option<(WorkTime, bool)>,
    ) {
        if beat.parked || beat.turns != self.turns {
            self.is_heard();
        } else {
            let starved = match work() {
                Some((work, ready)) => self.hunger.look(passed, work, ready),
                None => Duration::ZERO,
            };
            self.silent = silence(self.silent, passed, starved);
        }
        self.turns = beat.turns;
    }

    /// The core has just given a sign of life.
    pub(crate) fn is_heard(&mut self) {
        self.silent = Duration::ZERO;
        self.hunger = Hunger::default();
    }

    /// How long it has given no sign of life.
    pub(crate) fn silent(&self) -> Duration {
        self.silent
    }

    /// The turns it had made at the last look.
    pub(crate) fn turns(&self) -> u64 {
        self.turns
    }
}

/// Whether a core is blocked that has not answered for `patience`. One that has been silent for less than
/// half of it turns, or has had no CPU in which to answer: it slept, was called, and is still to run.
pub(crate) fn is_blocked(silent: Duration, patience: Duration) -> bool {
    silent >= patience / 2
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
    }

    /// Looks every 60 ms at a thread that has run and waited so long by then, in ms, and is ready or not.
    fn silent_after(looks: &[(u64, u64, bool)]) -> Vec<u128> {
        let ms = Duration::from_millis;
        let (mut hunger, mut silent) = (Hunger::default(), Duration::ZERO);
        let look = |&(ran, waited, ready): &(u64, u64, bool)| {
            let (ran, waited) = (ms(ran), ms(waited));
            let starved = hunger.look(ms(60), WorkTime { ran, waited }, ready);
            silent = silence(silent, ms(60), starved);
            silent.as_millis()
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn m4_a_wait_for_a_cpu_is_no_silence_before_the_kernel_tells_of_it() {
        let waits = [(0, 0, true), (5, 0, true), (5, 0, true), (5, 0, true)];
        assert_eq!(silent_after(&waits), [0, 5, 5, 5]);
        // It is told of in the end, and not forgiven twice: it burns its CPU from then on.
        let told = [(0, 0, true), (0, 0, true), (0, 0, true), (60, 120, true)];
        assert_eq!(silent_after(&told), [0, 0, 0, 60]);
    }

    /// Whether a core that slept at the first look, and was called then, is blocked 100 ms later, when its
    /// thread has `ran` since and is `ready` or not.
    fn is_blocked_after_a_call(ran: u64, ready: bool) -> bool {
        let ms = Duration::from_millis;
        let mut pulse = Pulse::default();
        let beat = |parked| Heartbeat { turns: 7, parked };
        pulse.feel(beat(true), Duration::from_secs(3600), || None);
        for (passed, ran) in [(40, 0), (60, ran)] {
            let work = WorkTime {
                ran: ms(ran),
                waited: ms(0),
            };
            pulse.feel(beat(false), ms(passed), || Some((work, ready)));
        }
        is_blocked(pulse.silent(), ms(100))
    }

    #[test]
    fn an_idle_core_that_answers_late_for_want_of_a_cpu_is_not_blocked() {
        assert!(!is_blocked_after_a_call(0, true));
    }

    #[test]
    fn a_core_that_was_idle_and_runs_a_handler_instead_of_answering_is_blocked() {
        assert!(is_blocked_after_a_call(60, true), "it burns its CPU");
        assert!(is_blocked_after_a_call(0, false), "it sleeps in a handler");
    }

    #[test]
    fn a_core_is_silent_from_its_last_sign_of_life_on_however_long_it_was_idle_before() {
        let ms = Duration::from_millis;
        let mut pulse = Pulse::default();
        let beat = |turns, parked| Heartbeat { turns, parked };
        pulse.feel(beat(1, true), Duration::from_secs(3600), || None);
        pulse.feel(beat(1, false), ms(60), || None);
        assert_eq!(pulse.silent(), ms(60));
        pulse.feel(beat(1, false), ms(60), || None);
        assert_eq!(pulse.silent(), ms(120));
        pulse.feel(beat(2, false), ms(60), || None);
        assert_eq!((pulse.silent(), pulse.turns()), (ms(0), 2));
    }

    #[test]
    fn m4_who_sleeps_or_burns_a_cpu_is_silent() {
        let asleep = [(0, 0, false); 4];
        assert_eq!(silent_after(&asleep), [60, 120, 180, 240]);
        let burns = [(0, 0, true), (60, 0, true), (120, 0, true), (180, 0, true)];
        assert_eq!(silent_after(&burns), [0, 60, 120, 180]);
        // What was taken for granted of one who then sleeps is no debt of his.
        let changes = [(0, 0, true), (0, 0, true), (0, 0, false), (0, 0, false)];
        assert_eq!(silent_after(&changes), [0, 0, 60, 120]);
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
        // Of both limits the shorter one counts, and 5 ms are the shortest.
        for (stall, late, expected) in [(250, 80, 20), (40, 80, 10), (20, 80, 5), (1, 1, 5)] {
            let limits = Thresholds {
                stall: Duration::from_millis(stall),
                late: Duration::from_millis(late),
                grace: Duration::ZERO,
            };
            assert_eq!(tick(limits), Duration::from_millis(expected), "{limits:?}");
        }
    }

    #[test]
    fn a_core_is_blocked_from_half_of_the_time_on_in_which_it_did_not_answer() {
        let patience = Duration::from_millis(100);
        let half = Duration::from_millis(50);
        assert!(is_blocked(half, patience));
        assert!(!is_blocked(half - NANO, patience));
    }
}
