//! When the pool of cores grows and shrinks by itself: rows P1 to P9 with cores for workers.
//!
//! Puma's pool grows when more is queued than workers wait. A core has no queue of its own to look
//! at; that nobody waits shows in how busy the cores are, that something is queued in the requests
//! that wait at the gate and the connections that wait in the kernel. And a core that sleeps in the
//! kernel is a worker that waits.
//!
//! A decision moves the target by one at most. The bounds bind only these rules: what an operator sets is
//! taken as it is, and the rules rest until they are told to go on.

/// Busy, in thousandths of the time, from which on a core is taken to be full.
pub(crate) const FULL_PERMILLE: u32 = 900;
/// Busy, in thousandths, below which a core counts as waiting for work.
pub(crate) const WAITING_PERMILLE: u32 = 500;
/// How busy the cores that are left may become by a trim: below [`FULL_PERMILLE`], so that a trim is
/// not the cause of the next growth.
const TRIMMED_PERMILLE: u32 = 700;

/// How the pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load<'a> {
    /// Fewest cores.
    pub(crate) min: u32,
    /// Most cores.
    pub(crate) max: u32,
    /// Cores wanted now.
    pub(crate) target: u32,
    /// Cores with a thread.
    pub(crate) spawned: u32,
    /// Cores of these that leave already.
    pub(crate) trim_requested: u32,
    /// How busy each running core was over the last second, in thousandths of its time.
    pub(crate) busy: &'a [u32],
    /// Requests at the gate and connections in the kernel's queues.
    pub(crate) queued: u64,
}

impl Load<'_> {
    /// Cores that wait for work.
    pub(crate) fn waiting(&self) -> u32 {
        let waiting = self.busy.iter().filter(|busy| **busy < WAITING_PERMILLE);
        waiting.count() as u32
    }

    /// Row P3: one more, if something is queued, every core is full, and there may be one more. A
    /// core that is still starting is not among `busy`: until it runs there is no other.
    pub(crate) fn grows(&self) -> bool {
        let full = self.busy.iter().all(|busy| *busy >= FULL_PERMILLE);
        let all_run = self.busy.len() == self.target as usize;
        self.queued > 0 && full && all_run && self.target < self.max
    }

    /// Rows P4 to P7: one less, if one waits (or it is forced), nothing is queued, and the fewest
    /// stay. A forced trim stops no busy core either: with none waiting there is nobody to leave.
    pub(crate) fn trims(&self, force: bool) -> bool {
        let stay = self.spawned.saturating_sub(self.trim_requested);
        if stay <= self.min || self.queued > 0 || self.waiting() == 0 {
            return false;
        }
        let sum: u64 = self.busy.iter().map(|busy| u64::from(*busy)).sum();
        let left = u64::from(stay.saturating_sub(1));
        force || sum <= left * u64::from(TRIMMED_PERMILLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(target: u32, busy: &[u32]) -> Load<'_> {
        Load {
            min: 1,
            max: 4,
            target,
            spawned: target,
            trim_requested: 0,
            busy,
            queued: 0,
        }
    }

    #[test]
    fn p3_it_grows_only_with_every_core_full_and_something_queued() {
        let full = |queued| Load {
            queued,
            ..load(2, &[900, 1000])
        };
        assert!(full(1).grows());
        assert!(!full(0).grows(), "nothing is queued");
        let free = Load {
            queued: 9,
            ..load(2, &[899, 1000])
        };
        assert!(!free.grows(), "one core has time");
        let starting = Load {
            queued: 9,
            ..load(2, &[1000])
        };
        assert!(!starting.grows(), "one is on its way");
        let most = Load {
            queued: 9,
            ..load(4, &[1000; 4])
        };
        assert!(!most.grows(), "the most there may be");
    }

    #[test]
    fn p4_work_comes_first_and_only_who_has_none_leaves() {
        let queued = Load {
            queued: 1,
            ..load(3, &[0, 0, 0])
        };
        assert!(!queued.trims(false));
        assert!(load(3, &[0, 0, 0]).trims(false));
    }

    #[test]
    fn p5_a_trim_needs_somebody_who_waits_and_keeps_the_minimum() {
        assert!(!load(2, &[800, 800]).trims(false), "nobody waits");
        assert!(!load(1, &[0]).trims(false), "the fewest stay");
        let asked = Load {
            trim_requested: 1,
            ..load(2, &[0, 0])
        };
        assert!(!asked.trims(false), "one is asked to leave already");
        assert!(
            !load(2, &[400, 400]).trims(false),
            "the other would be full"
        );
        assert!(load(2, &[300, 300]).trims(false));
    }

    #[test]
    fn p5_those_that_are_left_by_a_trim_are_seven_tenths_busy_at_most() {
        let rows: [&[u32]; 3] = [&[350, 350], &[400, 500, 500], &[499, 500, 500, 601]];
        for busy in rows {
            let cores = busy.len() as u32;
            assert!(load(cores, busy).trims(false), "{busy:?}");
            let mut busier = busy.to_vec();
            busier[1] += 1;
            let load = load(cores, &busier);
            assert!(!load.trims(false) && load.trims(true), "{busier:?}");
        }
    }

    #[test]
    fn a_core_waits_for_work_below_a_half_of_its_time() {
        assert_eq!(load(4, &[499, 0, 500, 1000]).waiting(), 2);
        assert_eq!(load(2, &[500, 501]).waiting(), 0);
    }

    #[test]
    fn p6_a_forced_trim_keeps_the_minimum_stops_no_busy_core_and_yields_to_queued_work() {
        assert!(load(2, &[450, 450]).trims(true), "forced");
        assert!(!load(1, &[0]).trims(true), "the fewest stay");
        assert!(!load(2, &[500, 1000]).trims(true), "both are busy");
        let queued = Load {
            queued: 1,
            ..load(2, &[0, 0])
        };
        assert!(!queued.trims(true), "work is queued");
    }

    #[test]
    fn p7_with_one_number_for_both_bounds_nothing_moves() {
        let same = Load {
            min: 2,
            max: 2,
            ..load(2, &[0, 0])
        };
        assert!(!same.trims(false));
        let same = Load {
            min: 2,
            max: 2,
            queued: 5,
            ..load(2, &[1000, 1000])
        };
        assert!(!same.grows());
    }
}
