//! Priority classes, and the bound on how long a lower one waits for a higher (docs/seeds.md, T12).
//!
//! Used by the queue of a lane and by the tasks of a core. Pure: `Chooser` is told which classes
//! have work and returns the one that is served next; it holds no work itself.

/// Urgency of a piece of work. Within a class the order is that of arrival.
///
/// ```
/// use ringgate_runtime::Priority;
///
/// assert!(Priority::High < Priority::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// The priority of work that names none.
    #[default]
    Normal,
    /// When nothing else waits, and now and then also when something does.
    Background,
}

impl Priority {
    /// All, most urgent first.
    pub const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Background];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// So often in a row a class that has work may be passed over. Two classes can reach it together,
/// and one of them then waits for the other: [`PASSED_OVER_BOUND`] holds in any case.
pub const PASSED_OVER_MAX: u32 = 16;
/// The stated bound on starvation: of any `PASSED_OVER_BOUND + 1` choices in a row one is of each
/// class that has work all the time.
pub const PASSED_OVER_BOUND: u32 = PASSED_OVER_MAX + 1;

/// Remembers how often each class was passed over.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chooser {
    passed: [u32; 3],
}

impl Chooser {
    /// The class to serve next, of those that have work.
    #[inline]
    pub(crate) fn choose(&mut self, has_work: [bool; 3]) -> Option<Priority> {
        // Nearly always only one class has work, and nobody is passed over.
        if let [false, normal, false] = has_work {
            self.passed = [0; 3];
            return normal.then_some(Priority::Normal);
        }
        let waiting = || Priority::ALL.into_iter().filter(|c| has_work[c.index()]);
        let starved = waiting()
            .filter(|class| self.passed[class.index()] >= PASSED_OVER_MAX)
            .max_by_key(|class| self.passed[class.index()]);
        let chosen = starved.or_else(|| waiting().next())?;
        for class in Priority::ALL {
            let passed = &mut self.passed[class.index()];
            *passed = match has_work[class.index()] && class != chosen {
                true => *passed + 1,
                false => 0,
            };
        }
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_most_urgent_class_with_work_is_served_first() {
        let mut chooser = Chooser::default();
        assert_eq!(chooser.choose([false; 3]), None);
        assert_eq!(chooser.choose([true, true, true]), Some(Priority::High));
        assert_eq!(chooser.choose([false, true, true]), Some(Priority::Normal));
        assert_eq!(
            chooser.choose([false, false, true]),
            Some(Priority::Background)
        );
    }

    #[test]
    fn t12_a_class_with_work_is_passed_over_no_more_often_than_stated() {
        let mut chooser = Chooser::default();
        let mut since = [0u32; 3];
        let mut worst = [0u32; 3];
        // Miri takes its time for each.
        let turns = if cfg!(miri) { 200 } else { 10_000 };
        for _ in 0..turns {
            let chosen = chooser.choose([true; 3]).expect("all have work");
            for class in Priority::ALL {
                let since = &mut since[class.index()];
                *since = if class == chosen { 0 } else { *since + 1 };
                worst[class.index()] = worst[class.index()].max(*since);
            }
        }
        assert!(
            worst.iter().all(|worst| *worst <= PASSED_OVER_BOUND),
            "{worst:?}"
        );
        assert!(worst[0] <= 2, "the urgent class waits for both at most");
    }

    proptest! {
        #[test]
        fn t12_the_bound_holds_whatever_comes_and_goes(
            rounds in proptest::collection::vec(any::<[bool; 3]>(), 1..400),
        ) {
            let mut chooser = Chooser::default();
            let mut since = [0u32; 3];
            for mut has_work in rounds {
                has_work[0] |= !has_work[1];
                let chosen = chooser.choose(has_work);
                prop_assert!(chosen.is_some_and(|c| has_work[c.index()]));
                for class in Priority::ALL {
                    let waits = has_work[class.index()] && chosen != Some(class);
                    let since = &mut since[class.index()];
                    *since = if waits { *since + 1 } else { 0 };
                    prop_assert!(*since <= PASSED_OVER_BOUND);
                }
            }
        }
    }
}
