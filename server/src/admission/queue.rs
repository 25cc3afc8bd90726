//! The requests that wait, in order: by class, and within a class in the order in which they came. Which
//! of them runs next and which is refused next is decided here; whether one is, in `decide.rs`.
//!
//! Called by the gate under its lock. Knows neither slots nor time.

use crate::connection::Candidate;
use ringgate_runtime::Moment;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Classes of priority; class 0 runs first.
const CLASSES: usize = 3;
pub(crate) const HIGH: u8 = 0;
/// The class of a request that no rule names.
pub(crate) const NORMAL: u8 = 1;
pub(crate) const LOW: u8 = 2;
/// So many requests of higher classes run in a row while one waits; then it is that one's turn. The bound on
/// starvation, of each class.
const PASSED_OVER_MAX: u32 = 7;

/// Where one waits. No two have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(super) class: u8,
    pub(super) number: u64,
}

/// A place in the queue: a connection of a core, and since when it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) core: u32,
    pub(super) who: Candidate,
    pub(super) since: Moment,
}

/// The requests that wait, by class and in the order in which they came.
#[derive(Default)]
pub(super) struct Queue {
    classes: [BTreeMap<u64, Waiter>; CLASSES],
    len: u32,
    /// How many of higher classes ran since one of this class did, while one waited.
    passed_over: [u32; CLASSES],
}

impl Place {
    /// The order in which those of one class came.
    pub(crate) fn order(self) -> u64 {
        self.number
    }
}

impl Queue {
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn insert(&mut self, place: Place, waiter: Waiter) {
        self.len += 1;
        self.classes[usize::from(place.class)].insert(place.number, waiter);
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Waiter> {
        let waiter = self.classes[usize::from(place.class)].remove(&place.number)?;
        self.len -= 1;
        Some(waiter)
    }

    /// As [`Queue::remove`], if it belongs to this core.
    pub(super) fn remove_of(&mut self, core: u32, place: Place) -> Option<Waiter> {
        let waiter = self.classes[usize::from(place.class)].get(&place.number)?;
        match waiter.core == core {
            true => self.remove(place),
            false => None,
        }
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        self.classes[usize::from(place.class)].contains_key(&place.number)
    }

    fn first(&self, class: usize) -> Option<Place> {
        let (number, _) = self.classes[class].first_key_value()?;
        Some(Place {
            class: class as u8,
            number: *number,
        })
    }

    /// The one whose turn it is: the oldest of the first class, but not for ever.
    pub(super) fn next_to_run(&mut self) -> Option<Place> {
        let first = (0..CLASSES).find_map(|class| self.first(class))?;
        // Where two classes have waited for so long, the last one is first: nobody is passed over by more.
        let is_due = |class: &usize| self.passed_over[*class] >= PASSED_OVER_MAX;
        let due = (0..CLASSES).rev().filter(is_due);
        let next = due.filter_map(|class| self.first(class)).next();
        let next = next.unwrap_or(first);
        for class in 0..CLASSES {
            let waits = !self.classes[class].is_empty();
            match class.cmp(&usize::from(next.class)) {
                Ordering::Greater if waits => self.passed_over[class] += 1,
                Ordering::Greater | Ordering::Equal => self.passed_over[class] = 0,
                Ordering::Less => {}
            }
        }
        Some(next)
    }

    /// The one that is refused first: the oldest of the last class.
    pub(super) fn oldest(&self) -> Option<Place> {
        (0..CLASSES).rev().find_map(|class| self.first(class))
    }

    /// The one that is refused first if the newest is to be: of the last class.
    pub(super) fn newest(&self) -> Option<Place> {
        (0..CLASSES).rev().find_map(|class| {
            let (number, _) = self.classes[class].last_key_value()?;
            Some(Place {
                class: class as u8,
                number: *number,
            })
        })
    }

    /// Takes out all that belong to one core.
    pub(super) fn remove_core(&mut self, core: u32) -> Vec<(Place, Waiter)> {
        let mut taken = Vec::new();
        for (class, waiting) in (0..).zip(&mut self.classes) {
            let of_core = waiting.extract_if(.., |_, waiter| waiter.core == core);
            taken.extend(of_core.map(|(number, waiter)| (Place { class, number }, waiter)));
        }
        self.len -= taken.len() as u32;
        taken
    }
}

#[cfg(all(test, not(model_checked)))]
mod tests {
    use super::*;
    use crate::connection::ExchangeKey;

    fn queue(classes: &[u8]) -> Queue {
        let mut queue = Queue::default();
        for (number, class) in (0..).zip(classes) {
            let waiter = Waiter {
                core: 0,
                who: Candidate::Request(ExchangeKey::new(number as u32, 0)),
                since: Moment::default(),
            };
            let place = Place {
                class: *class,
                number,
            };
            queue.insert(place, waiter);
        }
        queue
    }

    fn run_all(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| {
            let place = queue.next_to_run()?;
            queue.remove(place)?;
            Some(place.number)
        })
        .collect()
    }

    #[test]
    fn within_a_class_the_order_is_that_of_coming() {
        assert_eq!(run_all(&mut queue(&[1; 20])), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_higher_class_runs_first_and_is_refused_last() {
        let mut queue = queue(&[2, 1, 0, 2, 1, 0]);
        assert_eq!(queue.oldest().map(|place| place.number), Some(0));
        assert_eq!(queue.newest().map(|place| place.number), Some(3));
        assert_eq!(run_all(&mut queue), [2, 5, 1, 4, 0, 3]);
    }

    #[test]
    fn whoever_is_passed_over_seven_times_is_next() {
        let classes: Vec<u8> = [2].into_iter().chain([0; 30]).collect();
        let order = run_all(&mut queue(&classes));
        assert_eq!(order[..8], [1, 2, 3, 4, 5, 6, 7, 0], "{order:?}");
    }

    #[test]
    fn with_three_classes_none_is_passed_over_by_more_than_seven_in_a_row() {
        // The oldest are of the class in the middle, and there are always some of each.
        let classes: Vec<u8> = [NORMAL; 40]
            .into_iter()
            .chain([HIGH; 80])
            .chain([LOW; 12])
            .collect();
        let mut queue = queue(&classes);
        let mut passed_over = [0; CLASSES];
        let mut ran = [0; CLASSES];
        for _ in 0..80 {
            let next = queue.next_to_run().expect("some wait");
            assert!(queue.remove(next).is_some());
            let class = usize::from(next.class);
            ran[class] += 1;
            passed_over[class] = 0;
            let lower = passed_over.iter_mut().enumerate().skip(class + 1);
            for (lower, passed_over) in lower {
                *passed_over += 1;
                assert!(*passed_over <= PASSED_OVER_MAX, "class {lower}: {ran:?}");
            }
        }
        assert!(ran.iter().all(|ran| *ran >= 8), "{ran:?}");
    }

    #[test]
    fn each_request_is_in_one_class_and_in_the_count() {
        let mut queue = queue(&[HIGH, NORMAL, LOW, NORMAL]);
        assert_eq!(queue.len(), 4);
        for (number, class) in (0..).zip([HIGH, NORMAL, LOW, NORMAL]) {
            for other in [HIGH, NORMAL, LOW] {
                let place = Place {
                    class: other,
                    number,
                };
                assert_eq!(queue.contains(place), other == class, "{place:?}");
            }
            let place = Place { class, number };
            let taken = queue.remove(place);
            assert!(taken.is_some() && !queue.contains(place), "{place:?}");
            assert_eq!(u64::from(queue.len()), 3 - number);
        }
    }

    #[test]
    fn a_core_is_taken_out_with_all_its_requests_and_no_other() {
        let mut queue = queue(&[0, 1, 2, 1]);
        let other = Waiter {
            core: 7,
            who: Candidate::Request(ExchangeKey::new(9, 0)),
            since: Moment::default(),
        };
        let place = Place {
            class: 1,
            number: 9,
        };
        queue.insert(place, other);
        assert_eq!(queue.remove_core(0).len(), 4);
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.remove(place), Some(other));
        assert_eq!(queue.remove(place), None);
        assert_eq!(queue.len(), 0);
    }
}
