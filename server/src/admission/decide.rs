//! The gate's next step after each event, as a table (row H4, docs/seeds.md): nothing waits, wait; a slot is
//! free, run the oldest; too many are in, refuse one; else wait. A free slot is tried before
//! anything is refused.

use crate::config::{AdmissionLimits, DrainPending, MaxAccepts, Shed};

/// Where the server stands, as far as the gate is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Requests are taken.
    Running,
    /// No new work; requests that wait are served or refused as `drain_pending` says (row H16,
    /// docs/seeds.md).
    Draining,
    /// Nothing is taken or run.
    Stopped,
}

/// Requests at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Counts {
    /// Requests that hold a slot.
    pub running: u32,
    /// Requests that wait for one, the newcomer included.
    pub pending: u32,
}

/// The gate's next step. The caller acts, adjusts the counts, and asks again until told to wait.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing until the next event.
    Wait,
    /// Give a slot to the oldest that waits.
    RunOldest,
    /// Refuse the one that has waited longest.
    RefuseOldest,
    /// Refuse the one that came last.
    RefuseNewest,
}

/// Decides. Total: every phase, count and limit has an answer.
pub fn decide(
    phase: Phase,
    counts: Counts,
    limits: &AdmissionLimits,
    shed: Shed,
    drain_pending: DrainPending,
) -> Decision {
    if counts.pending == 0 {
        return Decision::Wait;
    }
    match phase {
        Phase::Running => {}
        Phase::Draining if drain_pending == DrainPending::Serve => {}
        Phase::Draining | Phase::Stopped => return Decision::RefuseOldest,
    }
    // Without a limit on slots nothing ever waits (row H3, docs/seeds.md).
    let Some(slots) = limits.max_threads() else {
        return Decision::RunOldest;
    };
    if counts.running < slots.get() {
        return Decision::RunOldest;
    }
    let accepted = counts.running.saturating_add(counts.pending);
    let most = match limits.max_accepts() {
        // A request that finds no slot is refused at once (row H5).
        MaxAccepts::None => slots.get(),
        // At most so many are in, running and waiting together (row H6).
        MaxAccepts::AtMost(most) => most.get(),
        // Nothing is refused for the number of requests (row H8).
        MaxAccepts::Unbounded => return Decision::Wait,
    };
    // Lowered limits kill nothing: only requests that wait can be refused (row H14).
    match (accepted > most, shed) {
        (false, _) => Decision::Wait,
        (true, Shed::Oldest) => Decision::RefuseOldest,
        (true, Shed::Newest) => Decision::RefuseNewest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn limits(slots: u32, accepts: MaxAccepts) -> AdmissionLimits {
        AdmissionLimits::new(NonZeroU32::new(slots), accepts).expect("consistent limits")
    }

    fn at_most(most: u32) -> MaxAccepts {
        MaxAccepts::AtMost(NonZeroU32::new(most).expect("above zero"))
    }

    fn ask(phase: Phase, running: u32, pending: u32, limits: &AdmissionLimits) -> Decision {
        let counts = Counts { running, pending };
        decide(phase, counts, limits, Shed::Oldest, DrainPending::Serve)
    }

    #[test]
    fn h4_a_free_slot_is_tried_before_anything_is_denied() {
        use Decision::*;
        let none = limits(2, MaxAccepts::None);
        let four = limits(2, at_most(4));
        let unbounded = limits(2, MaxAccepts::Unbounded);
        // running, pending: fail fast, a queue of two, an endless queue
        let table = [
            (0, 0, [Wait, Wait, Wait]),
            (0, 1, [RunOldest, RunOldest, RunOldest]),
            (1, 9, [RunOldest, RunOldest, RunOldest]),
            (2, 0, [Wait, Wait, Wait]),
            (2, 1, [RefuseOldest, Wait, Wait]),
            (2, 2, [RefuseOldest, Wait, Wait]),
            (2, 3, [RefuseOldest, RefuseOldest, Wait]),
            (5, 1, [RefuseOldest, RefuseOldest, Wait]),
            (u32::MAX, u32::MAX, [RefuseOldest, RefuseOldest, Wait]),
        ];
        for (running, pending, expected) in table {
            let got = [&none, &four, &unbounded].map(|l| ask(Phase::Running, running, pending, l));
            assert_eq!(got, expected, "{running} running, {pending} pending");
        }
    }

    #[test]
    fn h3_without_max_threads_everything_runs() {
        let free = AdmissionLimits::default();
        for running in [0, 1, 1_000_000, u32::MAX] {
            assert_eq!(ask(Phase::Running, running, 1, &free), Decision::RunOldest);
        }
    }

    #[test]
    fn the_newest_is_refused_if_configured_so() {
        let two = limits(1, at_most(2));
        let counts = Counts {
            running: 1,
            pending: 2,
        };
        let decision = decide(
            Phase::Running,
            counts,
            &two,
            Shed::Newest,
            DrainPending::Serve,
        );
        assert_eq!(decision, Decision::RefuseNewest);
    }

    #[test]
    fn what_waits_during_a_drain_is_served_or_refused_as_configured() {
        let two = limits(2, at_most(9));
        let counts = Counts {
            running: 1,
            pending: 1,
        };
        let ask = |pending| decide(Phase::Draining, counts, &two, Shed::Oldest, pending);
        assert_eq!(ask(DrainPending::Serve), Decision::RunOldest);
        assert_eq!(ask(DrainPending::Refuse), Decision::RefuseOldest);
        let stopped = decide(
            Phase::Stopped,
            counts,
            &two,
            Shed::Oldest,
            DrainPending::Serve,
        );
        assert_eq!(stopped, Decision::RefuseOldest);
    }
}
