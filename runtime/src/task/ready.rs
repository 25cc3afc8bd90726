//! Which ready task is polled next: by class, within a class by deadline, and with a bound on how
//! long anybody waits for others (docs/seeds.md, T12).
//!
//! Called by the core. The queue holds numbers of task slots and no tasks; a slot is in the queue
//! once at most, but for one that got another tenant meanwhile.

use crate::class::{Chooser, PASSED_OVER_MAX, Priority};
use crate::time::Moment;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How urgent a task is. A late task is not stopped: a deadline orders and does nothing else.
///
/// ```
/// use ringgate_runtime::task::Urgency;
/// use ringgate_runtime::{Moment, Priority};
///
/// let soon = Urgency { priority: Priority::High, deadline: Some(Moment::from_nanos(1_000)) };
/// assert_eq!(Urgency::from(Priority::High).deadline, None);
/// # let _ = soon;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Urgency {
    /// The class.
    pub priority: Priority,
    /// Within its class those with a deadline go first, the earliest before the others.
    pub deadline: Option<Moment>,
}

impl From<Priority> for Urgency {
    fn from(priority: Priority) -> Urgency {
        Urgency {
            priority,
            deadline: None,
        }
    }
}

#[derive(Default)]
struct Line {
    plain: VecDeque<u32>,
    dated: BinaryHeap<Reverse<(Moment, u64, u32)>>,
    /// How often in a row those without a deadline were passed over.
    passed: u32,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.dated.is_empty()
    }

    fn pop(&mut self) -> Option<u32> {
        if self.dated.is_empty() || (self.passed >= PASSED_OVER_MAX && !self.plain.is_empty()) {
            self.passed = 0;
            return self.plain.pop_front();
        }
        self.passed = match self.plain.is_empty() {
            true => 0,
            false => self.passed + 1,
        };
        self.dated.pop().map(|Reverse((_, _, slot))| slot)
    }
}

/// The ready tasks of one core.
#[derive(Default)]
pub(crate) struct Ready {
    lines: [Line; 3],
    chooser: Chooser,
    len: usize,
    next: u64,
}

impl Ready {
    #[inline]
    pub(crate) fn push(&mut self, slot: u32, urgency: Urgency) {
        self.len += 1;
        let line = &mut self.lines[urgency.priority.index()];
        match urgency.deadline {
            None => line.plain.push_back(slot),
            Some(deadline) => {
                self.next += 1;
                line.dated.push(Reverse((deadline, self.next, slot)));
            }
        }
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let has_work = [0, 1, 2].map(|line: usize| !self.lines[line].is_empty());
        let class = self.chooser.choose(has_work)?;
        self.len -= 1;
        self.lines[class.index()].pop()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Background, High, Normal};

    fn by(priority: Priority, deadline: u64) -> Urgency {
        let deadline = Some(Moment::from_nanos(deadline));
        Urgency { priority, deadline }
    }

    fn all(ready: &mut Ready) -> Vec<u32> {
        std::iter::from_fn(|| ready.pop()).collect()
    }

    #[test]
    fn class_goes_before_deadline_and_deadline_before_arrival() {
        let mut ready = Ready::default();
        ready.push(1, Background.into());
        ready.push(2, Normal.into());
        ready.push(3, by(Normal, 900));
        ready.push(4, by(Normal, 100));
        ready.push(5, by(Normal, 100));
        ready.push(6, High.into());
        assert_eq!(ready.len, 6);
        assert_eq!(all(&mut ready), [6, 4, 5, 3, 2, 1]);
        assert!(ready.is_empty());
    }

    #[test]
    fn t12_a_task_without_a_deadline_is_not_passed_over_for_ever() {
        let mut ready = Ready::default();
        ready.push(0, Normal.into());
        for slot in 1..100 {
            ready.push(slot, by(Normal, u64::from(slot)));
        }
        let order = all(&mut ready);
        let place = order.iter().position(|slot| *slot == 0);
        assert_eq!(place, Some(PASSED_OVER_MAX as usize));
    }
}
