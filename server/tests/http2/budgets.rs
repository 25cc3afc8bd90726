//! Budgets as counts: what is spent, made good, and forgotten.

use ringgate::http2::budgets::{Counters, WINDOW_SECONDS};
use ringgate::http2::{Budget, Fault, Limits};
use std::collections::BTreeSet;

const COUNTED: [Budget; 8] = [
    Budget::Resets,
    Budget::ResetsMade,
    Budget::Pings,
    Budget::Settings,
    Budget::Priorities,
    Budget::EmptyData,
    Budget::SmallData,
    Budget::WindowUpdates,
];

fn narrow() -> Limits {
    Limits {
        resets: 3,
        resets_made: 3,
        pings: 3,
        settings: 3,
        priorities: 3,
        empty_data: 3,
        small_data: 3,
        window_updates: 3,
        ..Limits::default()
    }
}

#[test]
fn each_budget_ends_after_its_own_acts_and_begins_anew_with_the_next_window() {
    for budget in COUNTED {
        let mut counters = Counters::default();
        for _ in 0..3 {
            assert!(counters.spend(budget, 100, &narrow()), "{budget:?}");
        }
        assert!(!counters.spend(budget, 100 + WINDOW_SECONDS - 1, &narrow()));
        for other in COUNTED.into_iter().filter(|other| *other != budget) {
            assert!(counters.spend(other, 105, &narrow()), "{other:?}");
        }
        assert!(counters.spend(budget, 100 + WINDOW_SECONDS, &narrow()));
    }
}

#[test]
fn acts_that_come_with_honest_work_are_made_good_and_never_saved_up() {
    let mut counters = Counters::default();
    for _ in 0..1000 {
        counters.refund(Budget::Priorities, 2);
        assert!(counters.spend(Budget::Priorities, 1, &narrow()));
        assert!(counters.spend(Budget::Priorities, 1, &narrow()));
    }
    counters.refund(Budget::Priorities, u16::MAX);
    for _ in 0..3 {
        assert!(counters.spend(Budget::Priorities, 1, &narrow()));
    }
    assert!(!counters.spend(Budget::Priorities, 1, &narrow()));
}

#[test]
fn a_budget_that_is_exceeded_names_its_option() {
    let options: BTreeSet<_> = Budget::ALL.map(Budget::option).into_iter().collect();
    assert_eq!(options.len(), Budget::ALL.len());
    for budget in Budget::ALL {
        let said = Fault::calm(budget).to_string();
        assert!(said.starts_with("ENHANCE_YOUR_CALM: "), "{said}");
        assert!(said.contains(budget.option()), "{said}");
    }
}

#[test]
fn each_budget_has_a_limit_of_its_own_and_those_that_are_not_counted_over_time_have_none_here() {
    let limits = Limits {
        resets: 1,
        resets_made: 2,
        pings: 3,
        settings: 4,
        priorities: 5,
        empty_data: 6,
        small_data: 7,
        window_updates: 8,
        streams: 0,
        header_list_size: 0,
        header_count: 0,
        continuations: 0,
        queued_controls: 0,
        ..Limits::default()
    };
    for budget in Budget::ALL {
        let mut counters = Counters::default();
        let spent = (0..20).map(|_| counters.spend(budget, 5, &limits));
        let spent = spent.take_while(|may| *may).count();
        let place = COUNTED.iter().position(|counted| *counted == budget);
        assert_eq!(spent, place.map_or(20, |place| place + 1), "{budget:?}");
    }
}

#[test]
fn acts_of_each_kind_are_made_good_for_that_kind_alone() {
    for budget in COUNTED {
        for made_good in [0, 1, 2, 3, 4, u16::MAX] {
            let mut counters = Counters::default();
            for spent in COUNTED {
                for _ in 0..3 {
                    assert!(counters.spend(spent, 0, &narrow()));
                }
            }
            counters.refund(Budget::Streams, 3);
            counters.refund(budget, made_good);
            for other in COUNTED {
                let may = (0..10).filter(|_| counters.spend(other, 0, &narrow()));
                let expected = if other == budget { made_good.min(3) } else { 0 };
                assert_eq!(may.count(), usize::from(expected), "{budget:?} {other:?}");
            }
        }
    }
}

#[test]
fn windows_of_time_follow_each_other_where_the_count_of_seconds_begins_anew() {
    for begin in [10, 1000, u32::MAX - 12, u32::MAX - 5, u32::MAX] {
        let mut counters = Counters::default();
        assert!(counters.spend(Budget::Pings, begin, &narrow()));
        let may = |counters: &mut Counters, seconds: u32| {
            counters.spend(Budget::Pings, begin.wrapping_add(seconds), &narrow())
        };
        assert!(may(&mut counters, 1) && may(&mut counters, 2));
        for seconds in 3..WINDOW_SECONDS {
            assert!(!may(&mut counters, seconds), "{seconds} after {begin}");
        }
        for seconds in [WINDOW_SECONDS; 3] {
            assert!(may(&mut counters, seconds), "{begin}");
        }
        assert!(!may(&mut counters, 2 * WINDOW_SECONDS - 1), "{begin}");
    }
}

#[test]
fn a_limit_of_the_greatest_number_is_none() {
    let limits = Limits {
        pings: u16::MAX,
        ..narrow()
    };
    let mut counters = Counters::default();
    for _ in 0..70_000 {
        assert!(counters.spend(Budget::Pings, 1, &limits));
    }
}

/// The table of docs/http2.md, which users read.
#[test]
fn the_bounds_are_those_that_the_documentation_gives() {
    let limits = Limits::default();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/http2.md");
    let text = std::fs::read_to_string(path).expect("the documentation is readable");
    for (budget, most) in [
        (Budget::Streams, limits.streams),
        (Budget::HeaderListSize, limits.header_list_size),
        (Budget::HeaderCount, limits.header_count),
        (Budget::Continuations, limits.continuations.into()),
        (Budget::Resets, limits.resets.into()),
        (Budget::ResetsMade, limits.resets_made.into()),
        (Budget::Pings, limits.pings.into()),
        (Budget::Settings, limits.settings.into()),
        (Budget::Priorities, limits.priorities.into()),
        (Budget::EmptyData, limits.empty_data.into()),
        (Budget::SmallData, limits.small_data.into()),
        (Budget::WindowUpdates, limits.window_updates.into()),
        (Budget::QueuedControls, limits.queued_controls.into()),
    ] {
        let most = match most {
            bytes if bytes.is_multiple_of(1024) => format!("{} KiB", bytes >> 10),
            _ => most.to_string(),
        };
        let row = format!("| `{}` | {most} |", budget.option());
        assert!(text.contains(&row), "{row}");
    }
}
