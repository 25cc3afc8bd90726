//! The plan over pools that never had a thread: every core does its part at once, or does not.

use super::*;
use proptest::prelude::*;

/// Each state, its name, whether there is a thread, whether it takes connections, and whether a pool with one of it
/// beside as many that run as are wanted is settled, and complete.
const STATES: [(CoreState, &str, bool, bool, bool, bool); 8] = [
    (CoreState::Absent, "absent", false, false, true, true),
    (CoreState::Resting, "resting", false, false, true, false),
    (CoreState::Starting, "starting", true, false, false, false),
    (CoreState::Running, "running", true, true, false, true),
    (CoreState::Expiring, "expiring", true, true, true, true),
    (CoreState::Retiring, "retiring", true, false, false, true),
    (CoreState::Leaving, "leaving", true, false, false, true),
    (
        CoreState::Quarantined,
        "quarantined",
        true,
        false,
        true,
        true,
    ),
];

#[test]
fn each_state_of_a_core_says_whether_there_is_a_thread_and_whether_it_takes_connections() {
    let documented = include_str!("../../../../docs/status.md");
    for (state, name, has_thread, serves, ..) in STATES {
        assert_eq!(state.name(), name);
        assert_eq!(state.has_thread(), has_thread, "{name}");
        assert_eq!(state.serves(), serves, "{name}");
        // Of a place without a thread, status says nothing.
        let is_documented = documented.contains(&format!("`{name}`"));
        assert!(is_documented || !has_thread, "{name}");
    }
}

#[test]
fn a_pool_is_settled_when_as_many_run_as_are_wanted_and_none_is_on_its_way() {
    for (state, name, _, _, is_settled, is_complete) in STATES {
        let mut pool = pool(2, 2);
        pool.cores[..3].copy_from_slice(&[CoreState::Running, CoreState::Running, state]);
        assert_eq!(pool.is_settled(), is_settled, "{name}");
        assert_eq!(pool.is_complete(), is_complete, "{name}");
    }
    for running in 0..4 {
        let mut pool = pool(4, 2);
        pool.cores[..running].fill(CoreState::Running);
        assert_eq!(pool.is_settled(), running == 2, "{running}");
        assert_eq!(pool.is_complete(), running >= 2, "{running}");
    }
}

#[test]
fn the_heirs_are_those_that_run_and_stay_and_are_not_stuck() {
    let mut pool = pool(7, 4);
    pool.cores = STATES.map(|(state, ..)| state).to_vec();
    pool.cores.push(CoreState::Running);
    pool.stuck = vec![false; pool.cores.len()];
    assert_eq!(pool.running(), [3, 8]);
    assert_eq!(pool.serving(), [3, 4, 8]);
    assert_eq!(pool.heirs(), [3, 8]);
    pool.stuck[8] = true;
    assert_eq!(pool.heirs(), [3]);
    // Stuck for good is stuck, whatever it does now, and a place that there is not is not stuck.
    assert!(pool.is_stuck(7) && pool.is_stuck(8) && !pool.is_stuck(3) && !pool.is_stuck(99));
}

#[test]
fn who_leaves_gives_its_connections_to_all_that_stay_and_are_well() {
    let mut pool = pool(5, 5);
    perform_all(&mut pool);
    pool.target = 4;
    pool.stuck[1] = true;
    let retiring = pool.plan();
    assert!(retiring.contains(&Action::Retire(1)), "{retiring:?}");
    // It is well again after it was chosen, and another is stuck.
    retiring.iter().for_each(|action| pool.perform(action));
    pool.stuck = vec![false; pool.cores.len()];
    pool.stuck[3] = true;
    pool.seats[1].baton = Baton::Free;
    let leaving = pool.plan();
    assert!(
        leaving.contains(&Action::Leave(1, vec![0, 2, 4])),
        "{leaving:?}"
    );
}

fn pool(slots: u32, target: u32) -> Pool {
    Pool {
        target,
        accepting: true,
        spawning: true,
        cores: vec![CoreState::Absent; slots as usize + 2],
        stuck: vec![false; slots as usize + 2],
        seats: (0..slots).map(|slot| Seat::new(slot, false)).collect(),
    }
}

/// Performs the plan and lets every core do its part at once, until nothing is left to do.
fn perform_all(pool: &mut Pool) {
    for _ in 0..100 {
        let actions = pool.plan();
        actions.iter().for_each(|action| pool.perform(action));
        let mut changed = !actions.is_empty();
        for (state, is_stuck) in pool.cores.iter_mut().zip(&mut pool.stuck) {
            // Who starts makes turns.
            *is_stuck &= !matches!(state, CoreState::Starting);
            let next = match *state {
                CoreState::Starting => CoreState::Running,
                CoreState::Leaving => CoreState::Absent,
                other => other,
            };
            changed |= next != *state;
            *state = next;
        }
        let stuck = pool.clone();
        for seat in &mut pool.seats {
            if let Baton::Recalled(core) = seat.baton
                && !stuck.is_stuck(core)
            {
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
        perform_all(&mut pool);
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
    perform_all(&mut pool);
    pool.cores[3] = CoreState::Leaving;
    pool.target = 2;
    assert!(pool.plan().contains(&Action::Retire(2)));
    assert!(!pool.plan().contains(&Action::Retire(3)));
}

#[test]
fn m3_a_missing_core_is_started_again() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.cores[0] = CoreState::Absent;
    assert!(pool.plan().contains(&Action::Spawn(0)));
}

#[test]
fn m2_without_cores_every_listener_rests_and_the_next_core_gets_them_all() {
    let mut pool = pool(4, 4);
    perform_all(&mut pool);
    pool.target = 0;
    perform_all(&mut pool);
    assert!(pool.is_settled());
    assert!(pool.seats.iter().all(|seat| seat.baton == Baton::Free));
    pool.target = 1;
    perform_all(&mut pool);
    assert!(pool.seats.iter().all(|seat| seat.baton == Baton::Held(0)));
}

#[test]
fn the_last_to_leave_have_no_heirs() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.target = 0;
    let actions = pool.plan();
    actions.iter().for_each(|action| pool.perform(action));
    pool.seats
        .iter_mut()
        .for_each(|seat| seat.baton = Baton::Free);
    let leaving = pool.plan();
    assert!(leaving.contains(&Action::Leave(0, vec![])), "{leaving:?}");
    assert!(leaving.contains(&Action::Leave(1, vec![])), "{leaving:?}");
}

#[test]
fn lent_listeners_spread_evenly() {
    let mut pool = pool(8, 8);
    perform_all(&mut pool);
    // One expires, and a place without a slot takes over from it.
    pool.cores[3] = CoreState::Expiring;
    perform_all(&mut pool);
    assert_eq!(pool.running(), [0, 1, 2, 4, 5, 6, 7, 8]);
    assert_eq!(pool.seats[3].baton, Baton::Held(8));
}

#[test]
fn a_lent_listener_stays_where_it_is_as_long_as_nobody_has_fewer() {
    let mut pool = pool(4, 2);
    perform_all(&mut pool);
    assert_eq!(pool.seats[2].baton, Baton::Held(0));
    assert_eq!(pool.seats[3].baton, Baton::Held(1));
    // The other way round is as good.
    pool.seats[2].baton = Baton::Held(1);
    pool.seats[3].baton = Baton::Held(0);
    assert_eq!(pool.plan(), []);
    // Three and one is not.
    pool.seats[3].baton = Baton::Held(1);
    assert_eq!(pool.plan(), [Action::Recall { seat: 3, place: 1 }]);
}

#[test]
fn m7_the_replacement_runs_before_the_old_one_leaves() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.cores[1] = CoreState::Expiring;
    assert_eq!(pool.plan(), [Action::Spawn(2)]);
    pool.perform(&Action::Spawn(2));
    assert_eq!(pool.plan(), [], "it waits for the other to be up");
    pool.cores[2] = CoreState::Running;
    assert!(pool.plan().contains(&Action::Retire(1)));
}

#[test]
fn m7_when_more_are_old_than_there_are_places_to_spare_all_are_replaced_all_the_same() {
    for (slots, target) in [(3, 3), (20, 20), (5, 4)] {
        let mut pool = pool(slots, target);
        perform_all(&mut pool);
        let old: Vec<u32> = pool.running();
        for core in &old {
            pool.cores[*core as usize] = CoreState::Expiring;
        }
        perform_all(&mut pool);
        assert_eq!(pool.running().len(), target as usize);
        assert_eq!(
            pool.serving(),
            pool.running(),
            "none of the old ones is left"
        );
        assert!(pool.is_complete());
    }
}

#[test]
fn m7_as_many_serve_as_are_wanted_while_old_ones_are_replaced_a_few_at_a_time() {
    let mut pool = pool(5, 5);
    perform_all(&mut pool);
    pool.cores[..5].fill(CoreState::Expiring);
    // Until nothing is left to do, one plan at a time.
    for _ in 0..100 {
        for action in pool.plan() {
            pool.perform(&action);
        }
        assert!(pool.serving().len() >= 5, "{:?}", pool.cores);
        for state in &mut pool.cores {
            match *state {
                CoreState::Starting => *state = CoreState::Running,
                CoreState::Leaving => *state = CoreState::Absent,
                _ => {}
            }
        }
        for seat in &mut pool.seats {
            if let Baton::Recalled(_) = seat.baton {
                seat.baton = Baton::Free;
            }
        }
    }
    assert_eq!(pool.running().len(), 5);
}

#[test]
fn m7_a_smaller_pool_lets_old_ones_go_although_nobody_replaces_them() {
    let mut pool = pool(4, 4);
    perform_all(&mut pool);
    pool.spawning = false;
    pool.cores[..4].fill(CoreState::Expiring);
    pool.target = 1;
    perform_all(&mut pool);
    assert_eq!(pool.serving(), [3]);
}

#[test]
fn who_is_old_and_not_replaced_yet_is_an_heir_if_nobody_else_is_there() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.cores[..2].fill(CoreState::Expiring);
    assert_eq!(pool.heirs(), [0, 1]);
    pool.stuck[0] = true;
    assert_eq!(pool.heirs(), [1]);
    // One that stays comes before them.
    pool.cores[2] = CoreState::Running;
    assert_eq!(pool.heirs(), [2]);
    pool.stuck[2] = true;
    assert_eq!(pool.heirs(), [1]);
}

#[test]
fn a_stuck_owner_is_helped_and_nobody_else_is_armed() {
    let mut pool = pool(3, 3);
    perform_all(&mut pool);
    pool.stuck[1] = true;
    perform_all(&mut pool);
    assert_eq!(pool.seats[1].baton, Baton::Held(1));
    let helper = pool.seats[1].helper.expect("a helper");
    assert_ne!(helper, 1);
    assert!(!pool.heirs().contains(&1), "nothing is steered to it");
    // The helper is stuck as well: another helps at both.
    pool.stuck[helper as usize] = true;
    perform_all(&mut pool);
    let other = 3 - 1 - helper;
    assert_eq!(pool.seats[1].helper, Some(other));
    assert_eq!(pool.seats[helper as usize].helper, Some(other));
    // Reversible.
    pool.stuck.fill(false);
    perform_all(&mut pool);
    assert!(pool.seats.iter().all(|seat| seat.helper.is_none()));
}

#[test]
fn t13_when_every_core_is_stuck_another_takes_the_place_of_one() {
    let mut pool = pool(1, 1);
    perform_all(&mut pool);
    pool.stuck[0] = true;
    perform_all(&mut pool);
    assert_eq!(pool.running(), [1]);
    assert_eq!(pool.cores[0], CoreState::Retiring, "until it wakes up");
    assert_eq!(pool.seats[0].helper, Some(1));
    pool.stuck[0] = false;
    perform_all(&mut pool);
    assert_eq!(pool.cores[0], CoreState::Absent);
    assert_eq!(pool.seats[0].baton, Baton::Held(1));
}

#[test]
fn when_all_that_serve_are_stuck_nobody_waits_for_a_place_that_rests() {
    for serving in [CoreState::Running, CoreState::Expiring] {
        let mut pool = pool(2, 2);
        perform_all(&mut pool);
        pool.cores[0] = serving;
        pool.core_is_gone(1, CoreState::Resting);
        perform_all(&mut pool);
        let owners = |pool: &Pool| {
            let holders = pool.seats.iter().filter_map(|seat| seat.baton.holder());
            let helpers = pool.seats.iter().filter_map(|seat| seat.helper);
            let mut all: Vec<u32> = holders.chain(helpers).collect();
            all.retain(|core| !pool.is_stuck(*core));
            all
        };
        assert!(!owners(&pool).is_empty(), "{serving:?}");
        pool.stuck[0] = true;
        // Of one that expires the replacement comes anyway.
        perform_all(&mut pool);
        assert!(!owners(&pool).is_empty(), "{serving:?}: {pool:?}");
        let threads = pool.cores.iter().filter(|state| state.has_thread());
        assert!(threads.count() <= 3, "{serving:?}: {pool:?}");
        // It ends badly, and so does each that comes after it: the places rest, and not all are tried at once.
        let bad = pool.running().into_iter().filter(|core| *core > 0);
        for core in Vec::from_iter(bad) {
            pool.core_is_gone(core, CoreState::Resting);
        }
        let spawned = |pool: &Pool| {
            let mut actions = pool.plan().into_iter();
            actions.find_map(|action| match action {
                Action::Spawn(core) => Some(core),
                _ => None,
            })
        };
        let mut tries = 0;
        while let Some(core) = spawned(&pool) {
            pool.core_is_gone(core, CoreState::Resting);
            tries += 1;
        }
        assert!(tries <= 2, "{serving:?}: {tries}");
    }
}

#[test]
fn one_that_expires_and_is_well_stays_as_long_as_all_others_are_stuck() {
    let mut pool = pool(2, 1);
    perform_all(&mut pool);
    pool.cores[..2].copy_from_slice(&[CoreState::Running, CoreState::Expiring]);
    pool.stuck[0] = true;
    let actions = pool.plan();
    assert!(!actions.contains(&Action::Retire(1)), "{actions:?}");
    assert!(actions.contains(&Action::Spawn(2)), "{actions:?}");
    perform_all(&mut pool);
    assert!(
        !pool.cores[2].serves() || pool.cores[1] != CoreState::Expiring,
        "{pool:?}"
    );
    assert_eq!(
        pool.running().len() + pool.those(|s| s == CoreState::Expiring).len(),
        1
    );
}

#[test]
fn a_core_whose_thread_is_over_leaves_nothing_to_the_next_one_at_its_place() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    // The thread that ends was stuck, and helped at the other listener as well.
    pool.stuck[1] = true;
    pool.seats[0].helper = Some(1);
    pool.core_is_gone(1, CoreState::Absent);
    assert_eq!(pool.cores[1], CoreState::Absent);
    assert!(!pool.is_stuck(1));
    assert_eq!(pool.seats[0].helper, None);
    assert_eq!(pool.seats[0].baton, Baton::Held(0), "another's");
    assert_eq!(pool.seats[1].baton, Baton::Free);
}

#[test]
fn a_quarantined_core_is_replaced_and_its_listener_is_never_armed_twice() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.stuck[1] = true;
    pool.cores[1] = CoreState::Quarantined;
    perform_all(&mut pool);
    assert_eq!(pool.running(), [0, 2]);
    assert_eq!(pool.seats[1].baton, Baton::Recalled(1), "it has it still");
    assert!(pool.seats[1].helper.is_some());
    // It wakes up, gives the listener back and ends.
    pool.seats[1].baton = Baton::Free;
    perform_all(&mut pool);
    assert_eq!(pool.seats[1].baton, Baton::Held(2));
    assert_eq!(pool.seats[1].helper, None);
}

#[test]
fn a_listener_that_is_stuck_in_another_process_is_helped_and_armed_only_when_it_is_free() {
    let mut pool = pool(2, 2);
    pool.seats[1].stuck_elsewhere = true;
    perform_all(&mut pool);
    assert_eq!(pool.seats[0].baton, Baton::Held(0));
    assert_eq!(pool.seats[1].baton, Baton::Free);
    assert!(pool.seats[1].helper.is_some());
    // A drain helps nobody: nothing new is taken.
    pool.accepting = false;
    perform_all(&mut pool);
    assert_eq!(pool.seats[1].helper, None);
    pool.accepting = true;
    // It comes to its senses, or its process ends.
    pool.seats[1].stuck_elsewhere = false;
    perform_all(&mut pool);
    assert_eq!(pool.seats[1].baton, Baton::Held(1));
    assert_eq!(pool.seats[1].helper, None);
}

#[test]
fn a_listener_of_a_process_that_died_is_armed_and_helped_until_its_rings_are_clear() {
    let mut pool = pool(2, 2);
    pool.seats
        .iter_mut()
        .for_each(|seat| seat.stale_rings = true);
    perform_all(&mut pool);
    for seat in &pool.seats {
        assert_eq!(seat.baton, Baton::Held(seat.slot));
        assert!(seat.helper.is_some());
    }
    // A drain takes nothing new, and what goes to another process is none of ours.
    pool.accepting = false;
    perform_all(&mut pool);
    assert_eq!(pool.seats[0].helper, None);
    pool.accepting = true;
    pool.seats[0].away = true;
    pool.seats[1].stale_rings = false;
    perform_all(&mut pool);
    assert_eq!((pool.seats[0].helper, pool.seats[1].helper), (None, None));
    assert_eq!(pool.seats[1].baton, Baton::Held(1));
}

#[test]
fn a_stuck_listener_that_goes_to_another_process_is_helped_there_and_not_here() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.stuck[1] = true;
    perform_all(&mut pool);
    assert_eq!(pool.seats[1].helper, Some(0));
    pool.seats[1].away = true;
    perform_all(&mut pool);
    assert_eq!(pool.seats[1].helper, None);
    assert_eq!(pool.seats[1].baton, Baton::Recalled(1), "it still has it");
    // The other process has failed.
    pool.seats[1].away = false;
    perform_all(&mut pool);
    assert_eq!(pool.seats[1].helper, Some(0));
}

#[test]
fn nobody_who_serves_leaves_for_a_core_that_cannot_be_started() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.stuck.fill(true);
    pool.stuck[2] = false;
    assert_eq!(pool.plan(), [Action::Spawn(2)], "one to help the others");
    pool.perform(&Action::Spawn(2));
    assert_eq!(pool.plan(), [], "it may not come");
    // It does not: its place rests, is tried again, and rests once more.
    for next in [CoreState::Resting, CoreState::Absent, CoreState::Resting] {
        pool.core_is_gone(2, next);
        let tries = matches!(next, CoreState::Absent).then_some(Action::Spawn(2));
        assert_eq!(pool.plan(), Vec::from_iter(tries));
    }
    assert_eq!(pool.running(), [0, 1]);
    // They wake up, and nobody is missing any more.
    pool.stuck.fill(false);
    perform_all(&mut pool);
    assert_eq!(pool.running(), [0, 1]);
    assert!(pool.is_complete());
}

#[test]
fn a_core_that_expires_serves_as_long_as_its_replacement_cannot_be_started() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.cores[0] = CoreState::Expiring;
    pool.perform(&Action::Spawn(2));
    pool.core_is_gone(2, CoreState::Resting);
    perform_all(&mut pool);
    assert_eq!(pool.serving(), [0, 1]);
    assert!(!pool.is_complete(), "the replacement is still owed");
    pool.core_is_gone(2, CoreState::Absent);
    perform_all(&mut pool);
    assert_eq!(pool.serving(), [1, 2]);
}

#[test]
fn m3_a_resting_core_is_not_replaced_twice_and_is_forgotten_when_nobody_needs_it() {
    let mut pool = pool(2, 2);
    perform_all(&mut pool);
    pool.core_is_gone(1, CoreState::Resting);
    perform_all(&mut pool);
    assert_eq!(pool.running(), [0]);
    pool.target = 1;
    perform_all(&mut pool);
    assert_eq!(pool.cores[1], CoreState::Absent);
}

#[test]
fn a_drain_recalls_every_baton_and_passes_none() {
    let mut pool = pool(3, 3);
    perform_all(&mut pool);
    pool.accepting = false;
    perform_all(&mut pool);
    assert!(pool.seats.iter().all(|seat| seat.baton == Baton::Free));
}

/// A place of a pool, and whether its core is stuck.
fn place() -> impl Strategy<Value = (CoreState, bool)> {
    let states = STATES.map(|(state, ..)| state);
    (proptest::sample::select(states.to_vec()), any::<bool>())
}

proptest! {
    #[test]
    fn whatever_became_of_the_cores_if_one_serves_each_listener_is_accepted_from_in_the_end(
        places in proptest::collection::vec(place(), 6),
        target in 1u32..4,
        holders in proptest::collection::vec(proptest::option::of(0u32..6), 3),
    ) {
        let mut pool = pool(3, target);
        // There is always a place for one more.
        pool.cores.resize(16, CoreState::Absent);
        pool.stuck.resize(16, false);
        for (core, (state, is_stuck)) in places.into_iter().enumerate() {
            pool.cores[core] = state;
            pool.stuck[core] = is_stuck && state.has_thread() && state != CoreState::Starting;
        }
        for (seat, holder) in pool.seats.iter_mut().zip(holders) {
            let holder = holder.filter(|core| {
                let state = pool.cores[*core as usize];
                state.has_thread() && !matches!(state, CoreState::Starting | CoreState::Leaving)
            });
            seat.baton = holder.map_or(Baton::Free, Baton::Held);
        }
        perform_all(&mut pool);
        // If none serves, or as many rest as are tried at a time, those are waited for.
        let resting = pool.those(|state| state == CoreState::Resting).len();
        let is_due = !pool.serving().is_empty() && resting + pool.running().len() <= target as usize;
        for seat in pool.seats.iter().filter(|_| is_due) {
            let well = |core: Option<u32>| core.is_some_and(|core| {
                pool.cores[core as usize].serves() && !pool.is_stuck(core)
            });
            prop_assert!(well(seat.baton.holder()) || well(seat.helper), "{pool:?}");
        }
    }

    #[test]
    fn no_listener_ever_has_two_owners_and_no_core_leaves_with_a_baton(
        targets in proptest::collection::vec(0u32..6, 1..20),
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
                    prop_assert!(pool.seats.iter().all(|s| s.baton.holder() != Some(core)));
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
