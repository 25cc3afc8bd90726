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
