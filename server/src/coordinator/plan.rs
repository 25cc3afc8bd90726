//! What to do next, as a pure function of how the pool stands: which core to start or retire, whose
//! baton to recall or pass. The coordinator performs the actions, which change the pool, and asks
//! again at the next event.
//!
//! The rules. As many cores as the target says: missing ones start, lowest number first; surplus
//! ones leave, highest number first (never one that leaves already, row M2). A listener belongs to
//! the core of its slot if that runs, else it is lent to a running one. One owner at any instant: a
//! baton is passed only after its owner reported that nothing of it is in flight. A core that
//! leaves is told so only when it holds no baton.

/// How far a core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CoreState {
    /// No thread.
    Absent,
    /// Its thread sets up.
    Starting,
    /// It serves.
    Running,
    /// It gives its batons back, then it is told to leave.
    Retiring,
    /// It serves what it has and ends.
    Leaving,
}

impl CoreState {
    /// The state's name in status and log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            CoreState::Absent => "absent",
            CoreState::Starting => "starting",
            CoreState::Running => "running",
            CoreState::Retiring => "retiring",
            CoreState::Leaving => "leaving",
        }
    }
}

/// Who has a listener's baton.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Baton {
    /// Nobody; connections wait in the kernel's queue.
    Free,
    /// This core accepts.
    Held(u32),
    /// This core was asked for it.
    Recalled(u32),
}

/// A listener as the plan sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The core slot it was made for.
    pub(crate) slot: u32,
    /// Whether other cores have one of the same socket, so that it need not be lent.
    pub(crate) shared: bool,
    /// Who has it.
    pub(crate) baton: Baton,
    /// Whether another process accepts from it, or is about to: no core here may.
    pub(crate) away: bool,
}

/// How the pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pool {
    /// Cores wanted.
    pub(crate) target: u32,
    /// Whether new connections are taken.
    pub(crate) accepting: bool,
    /// Whether ended cores are replaced.
    pub(crate) spawning: bool,
    /// Every core slot.
    pub(crate) cores: Vec<CoreState>,
    /// Every listener.
    pub(crate) seats: Vec<Seat>,
}

/// One thing to do.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a core's thread: Absent becomes Starting.
    Spawn(u32),
    /// Running becomes Retiring.
    Retire(u32),
    /// Retiring becomes Leaving; its connections go to the heirs.
    Leave(u32, Vec<u32>),
    /// Give a free baton to a core: Free becomes Held.
    Arm { seat: usize, core: u32 },
    /// Ask for a baton: Held becomes Recalled.
    Recall { seat: usize, core: u32 },
}

impl Pool {
    pub(crate) fn running(&self) -> Vec<u32> {
        let cores = (0..).zip(&self.cores);
        cores
            .filter(|(_, state)| **state == CoreState::Running)
            .map(|(core, _)| core)
            .collect()
    }

    fn owner(&self, seat: &Seat, running: &[u32]) -> Option<u32> {
        if !self.accepting || seat.away {
            return None;
        }
        if self.cores.get(seat.slot as usize) == Some(&CoreState::Running) {
            return Some(seat.slot);
        }
        if seat.shared || running.is_empty() {
            return None;
        }
        Some(running[seat.slot as usize % running.len()])
    }

    /// What to do now. Empty: nothing until the next event.
    pub(crate) fn plan(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        let states = || (0u32..).zip(&self.cores);
        let is_alive = |s: &CoreState| matches!(s, CoreState::Starting | CoreState::Running);
        let alive = self.cores.iter().filter(|s| is_alive(s)).count();
        let target = self.target as usize;
        if self.spawning && alive < target {
            let absent = states().filter(|(_, state)| **state == CoreState::Absent);
            actions.extend(
                absent
                    .take(target - alive)
                    .map(|(core, _)| Action::Spawn(core)),
            );
        }
        if alive > target {
            let mut running = self.running();
            running.reverse();
            actions.extend(running.into_iter().take(alive - target).map(Action::Retire));
        }
        let running = self.running();
        for (index, seat) in self.seats.iter().enumerate() {
            let owner = self.owner(seat, &running);
            match (seat.baton, owner) {
                (Baton::Free, Some(core)) => actions.push(Action::Arm { seat: index, core }),
                (Baton::Held(holder), owner) if owner != Some(holder) => {
                    actions.push(Action::Recall {
                        seat: index,
                        core: holder,
                    });
                }
                (Baton::Free | Baton::Held(_) | Baton::Recalled(_), _) => {}
            }
        }
        for (core, state) in states() {
            let holds = |seat: &Seat| matches!(seat.baton, Baton::Held(c) | Baton::Recalled(c) if c == core);
            if *state == CoreState::Retiring && !self.seats.iter().any(holds) {
                // Without an heir connections stay where they are until they end.
                actions.push(Action::Leave(core, running.clone()));
            }
        }
        actions
    }

    /// Changes the pool as performing `action` does.
    pub(crate) fn perform(&mut self, action: &Action) {
        match action {
            Action::Spawn(core) => self.cores[*core as usize] = CoreState::Starting,
            Action::Retire(core) => self.cores[*core as usize] = CoreState::Retiring,
            Action::Leave(core, _) => self.cores[*core as usize] = CoreState::Leaving,
            Action::Arm { seat, core } => self.seats[*seat].baton = Baton::Held(*core),
            Action::Recall { seat, core } => self.seats[*seat].baton = Baton::Recalled(*core),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pool(slots: u32, target: u32) -> Pool {
        Pool {
            target,
            accepting: true,
            spawning: true,
            cores: vec![CoreState::Absent; slots as usize],
            seats: (0..slots)
                .map(|slot| Seat {
                    slot,
                    shared: false,
                    baton: Baton::Free,
                    away: false,
                })
                .collect(),
        }
    }

    /// Performs the plan and lets every core do its part at once, until nothing is left to do.
    fn settle(pool: &mut Pool) {
        for _ in 0..100 {
            let actions = pool.plan();
            actions.iter().for_each(|action| pool.perform(action));
            let mut changed = !actions.is_empty();
            for state in &mut pool.cores {
                let next = match *state {
                    CoreState::Starting => CoreState::Running,
                    CoreState::Leaving => CoreState::Absent,
                    other => other,
                };
                changed |= next != *state;
                *state = next;
            }
            for seat in &mut pool.seats {
                if let Baton::Recalled(_) = seat.baton {
                    seat.baton = Baton::Free;
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
        panic!("the plan never comes to rest: {pool:?}");
    }

    #[test]
    fn every_listener_has_a_running_owner_at_any_size() {
        let mut pool = pool(8, 8);
        for target in [8, 3, 1, 5, 8, 2] {
            pool.target = target;
            settle(&mut pool);
            assert_eq!(pool.running().len(), target as usize);
            for seat in &pool.seats {
                let Baton::Held(core) = seat.baton else {
                    panic!("{seat:?} has no owner")
                };
                assert_eq!(pool.cores[core as usize], CoreState::Running);
            }
        }
    }

    #[test]
    fn m2_retiring_never_picks_one_that_stops_already() {
        let mut pool = pool(4, 4);
        settle(&mut pool);
        pool.cores[3] = CoreState::Leaving;
        pool.target = 2;
        assert!(pool.plan().contains(&Action::Retire(2)));
        assert!(!pool.plan().contains(&Action::Retire(3)));
    }

    #[test]
    fn m3_a_missing_core_is_started_again() {
        let mut pool = pool(2, 2);
        settle(&mut pool);
        pool.cores[0] = CoreState::Absent;
        assert!(pool.plan().contains(&Action::Spawn(0)));
    }

    #[test]
    fn a_drain_recalls_every_baton_and_passes_none() {
        let mut pool = pool(3, 3);
        settle(&mut pool);
        pool.accepting = false;
        settle(&mut pool);
        assert!(pool.seats.iter().all(|seat| seat.baton == Baton::Free));
    }

    proptest! {
        #[test]
        fn no_listener_ever_has_two_owners_and_no_core_leaves_with_a_baton(
            targets in proptest::collection::vec(1u32..6, 1..20),
        ) {
            let mut pool = pool(6, 1);
            for target in targets {
                pool.target = target;
                // One action at a time: the plan must hold between any two.
                for _ in 0..200 {
                    let Some(action) = pool.plan().into_iter().next() else { break };
                    if let Action::Arm { seat, .. } = action {
                        prop_assert_eq!(pool.seats[seat].baton, Baton::Free);
                    }
                    if let Action::Leave(core, _) = action {
                        prop_assert!(pool.seats.iter().all(|s| s.baton != Baton::Held(core)));
                    }
                    pool.perform(&action);
                    for state in &mut pool.cores {
                        if *state == CoreState::Starting { *state = CoreState::Running; }
                    }
                    for seat in &mut pool.seats {
                        if let Baton::Recalled(_) = seat.baton { seat.baton = Baton::Free; }
                    }
                }
                for state in &mut pool.cores {
                    if *state == CoreState::Leaving { *state = CoreState::Absent; }
                }
            }
        }
    }
}
