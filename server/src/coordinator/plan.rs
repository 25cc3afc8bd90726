//! The next steps, as a pure function of how the pool stands: which core to start or retire, whose
//! baton to recall or pass, whose listener to help. The coordinator performs the actions, which
//! change the pool, and asks again at the next event.
//!
//! The rules. As many cores as the target says: missing ones start, lowest place first; surplus
//! ones leave, highest place first, stuck ones before others, never one that leaves already (row
//! M2), and never for one that is still starting, which may fail. One that expires serves until another runs in its stead (row M7). A listener belongs to the
//! core of its slot if that runs, else it is lent to the running core that has fewest. One owner at
//! any instant: a baton is passed only after its owner reported that nothing of it is in flight; a
//! stuck owner keeps it, and a healthy core helps. A core that leaves is told so only when it holds
//! no baton.
//!
//! There are more places than listener slots: the replacement of a core that is stuck, or that is
//! to be replaced before it leaves, needs one.

/// How far a core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CoreState {
    /// No thread.
    Absent,
    /// No thread: the last one ended badly or could not be started, and the next starts after a pause.
    Resting,
    /// The thread of the core sets up.
    Starting,
    /// The core serves.
    Running,
    /// The core serves, and leaves once another runs in its stead.
    Expiring,
    /// The core gives its batons back, then it is told to leave.
    Retiring,
    /// The core serves what it has and ends.
    Leaving,
    /// The core was stuck for too long and is replaced. If it ever wakes up, it leaves.
    Quarantined,
}

impl CoreState {
    /// The state's name in status and log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            CoreState::Absent => "absent",
            CoreState::Resting => "resting",
            CoreState::Starting => "starting",
            CoreState::Running => "running",
            CoreState::Expiring => "expiring",
            CoreState::Retiring => "retiring",
            CoreState::Leaving => "leaving",
            CoreState::Quarantined => "quarantined",
        }
    }

    /// Whether there is a thread.
    pub(crate) const fn has_thread(self) -> bool {
        !matches!(self, CoreState::Absent | CoreState::Resting)
    }

    /// Whether it takes connections.
    pub(crate) const fn serves(self) -> bool {
        matches!(self, CoreState::Running | CoreState::Expiring)
    }
}

/// Where the right to accept from a listener is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Baton {
    /// Nobody; connections wait in the kernel's queue.
    Free,
    /// The core accepts.
    Held(u32),
    /// The core holds the baton and was asked to give it back.
    Recalled(u32),
}

impl Baton {
    /// The core that may have an accept in flight.
    pub(crate) const fn holder(self) -> Option<u32> {
        match self {
            Baton::Free => None,
            Baton::Held(core) | Baton::Recalled(core) => Some(core),
        }
    }
}

/// A listener as the plan sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The core slot it was made for.
    pub(crate) slot: u32,
    /// Whether other cores have one of the same socket, so that it need not be lent.
    pub(crate) shared: bool,
    /// The place of the baton.
    pub(crate) baton: Baton,
    /// The core that accepts in the stead of a stuck holder.
    pub(crate) helper: Option<u32>,
    /// Whether another process accepts from it, or is about to: no core here may.
    pub(crate) away: bool,
    /// Whether its baton is with a stuck core of another process: a core here helps, and none arms it
    /// until that one gives it back or its process ends.
    pub(crate) stuck_elsewhere: bool,
    /// Whether a process that may have armed it has died lately: rings that the kernel has not cleared
    /// yet swallow wake-ups, so a core helps beside the owner.
    pub(crate) stale_rings: bool,
}

impl Seat {
    pub(crate) const fn new(slot: u32, shared: bool) -> Seat {
        Seat {
            slot,
            shared,
            baton: Baton::Free,
            helper: None,
            away: false,
            stuck_elsewhere: false,
            stale_rings: false,
        }
    }

    /// Whether a core here may be its owner.
    const fn is_ours(&self) -> bool {
        !self.away && !self.stuck_elsewhere
    }
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
    /// Every place.
    pub(crate) cores: Vec<CoreState>,
    /// Of every place: whether its core makes no turn.
    pub(crate) stuck: Vec<bool>,
    /// Every listener.
    pub(crate) seats: Vec<Seat>,
}

/// One thing to do. A core is named by its place.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a core's thread: Absent becomes Starting.
    Spawn(u32),
    /// Resting becomes Absent: it is not needed any more.
    Forget(u32),
    /// Running or Expiring becomes Retiring.
    Retire(u32),
    /// Retiring becomes Leaving; its connections go to the heirs, or are parked if there is none.
    Leave(u32, Vec<u32>),
    /// Give a free baton to a core: Free becomes Held.
    Arm { seat: usize, place: u32 },
    /// Ask for a baton: Held becomes Recalled.
    Recall { seat: usize, place: u32 },
    /// Accept in the stead of the stuck holder.
    Help { seat: usize, place: u32 },
    /// The holder is well again, or another core helps.
    Unhelp { seat: usize, place: u32 },
}

impl Pool {
    fn those(&self, which: impl Fn(CoreState) -> bool) -> Vec<u32> {
        let cores = (0..).zip(&self.cores);
        cores
            .filter(|(_, state)| which(**state))
            .map(|(core, _)| core)
            .collect()
    }

    /// The cores that serve and stay.
    pub(crate) fn running(&self) -> Vec<u32> {
        self.those(|state| state == CoreState::Running)
    }

    /// The cores that take connections.
    pub(crate) fn serving(&self) -> Vec<u32> {
        self.those(CoreState::serves)
    }

    /// The cores to give connections to: they run, stay, and are not stuck. If there is none, those that serve until they are
    /// replaced.
    pub(crate) fn heirs(&self) -> Vec<u32> {
        let well = |which| {
            let mut cores = self.those(|state| state == which);
            cores.retain(|core| !self.is_stuck(*core));
            cores
        };
        let stay = well(CoreState::Running);
        match stay.is_empty() {
            true => well(CoreState::Expiring),
            false => stay,
        }
    }

    pub(crate) fn is_stuck(&self, core: u32) -> bool {
        let core = core as usize;
        self.stuck.get(core) == Some(&true) || self.cores.get(core) == Some(&CoreState::Quarantined)
    }

    /// Whether nobody can take a listener's baton from who has it.
    pub(crate) fn is_held_fast(&self, seat: &Seat) -> bool {
        let stuck = seat.baton.holder().is_some_and(|core| self.is_stuck(core));
        stuck || seat.stuck_elsewhere
    }

    /// Whether as many cores run as are wanted and none is on its way.
    pub(crate) fn is_settled(&self) -> bool {
        let on_the_way = |state: CoreState| {
            matches!(
                state,
                CoreState::Starting | CoreState::Retiring | CoreState::Leaving
            )
        };
        self.those(on_the_way).is_empty() && self.running().len() == self.target as usize
    }

    /// Whether as many cores run as are wanted, and no place is to start or to be tried again.
    pub(crate) fn is_complete(&self) -> bool {
        let coming = |state| matches!(state, CoreState::Starting | CoreState::Resting);
        self.those(coming).is_empty() && self.running().len() >= self.target as usize
    }

    /// The core that is to hold each listener, `serving` being the cores that take connections.
    fn owners(&self, serving: &[u32]) -> Vec<Option<u32>> {
        let mut owned = vec![0u32; self.cores.len()];
        let own = |seat: &Seat| {
            let at_home = self.accepting && seat.is_ours() && serving.contains(&seat.slot);
            at_home.then_some(seat.slot)
        };
        for owner in self.seats.iter().filter_map(own) {
            owned[owner as usize] += 1;
        }
        let lend = |seat: &Seat, owned: &mut [u32]| {
            let fewest = serving.iter().min_by_key(|core| owned[**core as usize])?;
            // It stays where it is if that is as good.
            let holder = seat.baton.holder().filter(|core| serving.contains(core));
            let keeps = holder.filter(|core| owned[*core as usize] == owned[*fewest as usize]);
            let owner = keeps.unwrap_or(*fewest);
            owned[owner as usize] += 1;
            Some(owner)
        };
        let seats = self.seats.iter();
        seats
            .map(|seat| match own(seat) {
                Some(owner) => Some(owner),
                None if seat.shared || !seat.is_ours() || !self.accepting => None,
                None => lend(seat, &mut owned),
            })
            .collect()
    }

    /// Which cores start and which leave.
    fn plan_size(&self, actions: &mut Vec<Action>) {
        let counts = |state| {
            matches!(
                state,
                CoreState::Resting | CoreState::Starting | CoreState::Running
            )
        };
        let alive = self.those(counts).len();
        let target = self.target as usize;
        let mut running = self.running();
        // Nobody is left to help: another takes the place of one of them. Nobody waits for a place that rests, either.
        let are_stuck =
            |cores: &[u32]| !cores.is_empty() && cores.iter().all(|core| self.is_stuck(*core));
        let all_stuck = are_stuck(&running) || are_stuck(&self.serving());
        let none_comes = self.those(|state| state == CoreState::Starting).is_empty();
        let are_all = running.len() == target || running.len() < target && none_comes;
        let wanted = match all_stuck && target > 0 && are_all {
            true => target + 1,
            false => target,
        };
        if self.spawning {
            let absent = self.those(|state| state == CoreState::Absent);
            let missing = wanted.saturating_sub(alive);
            actions.extend(absent.into_iter().take(missing).map(Action::Spawn));
        }
        let resting = self.those(|state| state == CoreState::Resting);
        let surplus = alive.saturating_sub(wanted);
        actions.extend(resting.into_iter().rev().take(surplus).map(Action::Forget));
        // One that starts is not counted: nobody who serves leaves for one that may not come.
        let surplus = running.len().saturating_sub(target);
        running.sort_by_key(|core| (self.is_stuck(*core), *core));
        actions.extend(running.into_iter().rev().take(surplus).map(Action::Retire));
        // As many as others run in their stead: their places are needed for the replacements of the rest.
        // One that is stuck serves in nobody's stead, unless it would be in that of another one.
        let mut expiring = self.those(|state| state == CoreState::Expiring);
        expiring.sort_by_key(|core| (!self.is_stuck(*core), *core));
        let well_ones = |cores: &[u32]| cores.iter().filter(|core| !self.is_stuck(**core)).count();
        let instead = match well_ones(&expiring) {
            0 => self.running().len(),
            _ => well_ones(&self.running()),
        };
        let surplus = (instead + expiring.len()).saturating_sub(target);
        actions.extend(expiring.into_iter().take(surplus).map(Action::Retire));
    }

    /// Helpers: which core is to help at which listener.
    fn plan_help(&self, serving: &[u32], actions: &mut Vec<Action>) {
        let well = serving.iter().filter(|core| !self.is_stuck(**core));
        let well: Vec<u32> = well.copied().collect();
        for (index, seat) in self.seats.iter().enumerate() {
            let held_fast = self.is_held_fast(seat) && (self.accepting || !seat.stuck_elsewhere);
            let needy = (held_fast || seat.stale_rings && self.accepting) && !seat.away;
            let wanted = if !needy || well.is_empty() {
                None
            } else {
                let same = seat.helper.filter(|core| well.contains(core));
                Some(same.unwrap_or(well[index % well.len()]))
            };
            if seat.helper == wanted {
                continue;
            }
            if let Some(place) = seat.helper {
                actions.push(Action::Unhelp { seat: index, place });
            }
            if let Some(place) = wanted {
                actions.push(Action::Help { seat: index, place });
            }
        }
    }

    /// The actions that are due now. Empty: nothing until the next event.
    pub(crate) fn plan(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.plan_size(&mut actions);
        let serving = self.those(CoreState::serves);
        let stays = |core: &u32| !actions.contains(&Action::Retire(*core));
        let serving: Vec<u32> = serving.into_iter().filter(stays).collect();
        let owners = self.owners(&serving);
        for (index, (seat, owner)) in self.seats.iter().zip(owners).enumerate() {
            match (seat.baton, owner) {
                (Baton::Free, Some(place)) => actions.push(Action::Arm { seat: index, place }),
                (Baton::Held(holder), owner) if owner != Some(holder) => {
                    actions.push(Action::Recall {
                        seat: index,
                        place: holder,
                    });
                }
                (Baton::Free | Baton::Held(_) | Baton::Recalled(_), _) => {}
            }
        }
        self.plan_help(&serving, &mut actions);
        let mut heirs = self.heirs();
        heirs.retain(|core| serving.contains(core));
        for core in self.those(|state| state == CoreState::Retiring) {
            let holds = |seat: &Seat| seat.baton.holder() == Some(core);
            if !self.seats.iter().any(holds) {
                actions.push(Action::Leave(core, heirs.clone()));
            }
        }
        actions
    }

    /// Changes the pool as performing `action` does.
    pub(crate) fn perform(&mut self, action: &Action) {
        match action {
            Action::Spawn(core) => self.cores[*core as usize] = CoreState::Starting,
            Action::Forget(core) => self.cores[*core as usize] = CoreState::Absent,
            Action::Retire(core) => self.cores[*core as usize] = CoreState::Retiring,
            Action::Leave(core, _) => self.cores[*core as usize] = CoreState::Leaving,
            Action::Arm { seat, place } => self.seats[*seat].baton = Baton::Held(*place),
            Action::Recall { seat, place } => self.seats[*seat].baton = Baton::Recalled(*place),
            Action::Help { seat, place } => self.seats[*seat].helper = Some(*place),
            Action::Unhelp { seat, .. } => self.seats[*seat].helper = None,
        }
    }

    /// A core's thread is over: what it held is free.
    pub(crate) fn core_is_gone(&mut self, core: u32, next: CoreState) {
        self.cores[core as usize] = next;
        self.stuck[core as usize] = false;
        for seat in &mut self.seats {
            if seat.baton.holder() == Some(core) {
                seat.baton = Baton::Free;
            }
            if seat.helper == Some(core) {
                seat.helper = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
