//! What waits for a worker: one line per priority, in order of arrival, and a ticket for each piece
//! of work by which it can be taken out again.
//!
//! Called by the lane under its lock. It decides the order and nothing else; limits and deadlines
//! are the lane's.

use crate::class::{Chooser, Priority};
use std::collections::VecDeque;

/// Names one piece of work in a queue, for as long as it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    priority: Priority,
    /// Grows within a queue, so that a line is sorted by it.
    number: u64,
}

pub(crate) struct Queue<W> {
    lines: [VecDeque<(u64, W)>; 3],
    chooser: Chooser,
    next: u64,
}

impl<W> Queue<W> {
    pub(crate) fn new() -> Queue<W> {
        Queue {
            lines: [const { VecDeque::new() }; 3],
            chooser: Chooser::default(),
            next: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, priority: Priority, work: W) -> Ticket {
        let number = self.next;
        self.next += 1;
        self.lines[priority.index()].push_back((number, work));
        Ticket { priority, number }
    }

    /// The next by priority, with the bound on starvation of [`Chooser`].
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<W> {
        let has_work = [0, 1, 2].map(|line: usize| !self.lines[line].is_empty());
        let class = self.chooser.choose(has_work)?;
        let (_, work) = self.lines[class.index()].pop_front()?;
        Some(work)
    }

    /// Takes a piece of work out, if it still waits. Found by bisection; what stands behind it moves
    /// up.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<W> {
        let line = &mut self.lines[ticket.priority.index()];
        let place = line
            .binary_search_by_key(&ticket.number, |(number, _)| *number)
            .ok()?;
        line.remove(place).map(|(_, work)| work)
    }

    /// Takes everything out, the most urgent first.
    pub(crate) fn clear(&mut self) -> Vec<W> {
        let lines = self.lines.iter_mut();
        lines
            .flat_map(|line| line.drain(..).map(|(_, work)| work))
            .collect()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Background, High, Normal};

    #[test]
    fn within_a_priority_the_first_to_come_is_the_first_to_go() {
        let mut queue = Queue::new();
        for (priority, work) in [(Normal, 'c'), (High, 'a'), (Background, 'e'), (High, 'b')] {
            queue.push(priority, work);
        }
        queue.push(Normal, 'd');
        let order: String = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, "abcde");
    }

    #[test]
    fn what_is_taken_out_is_gone_and_the_others_keep_their_order() {
        let mut queue = Queue::new();
        let tickets: Vec<_> = (0..5).map(|work| queue.push(Normal, work)).collect();
        assert_eq!(queue.remove(tickets[2]), Some(2));
        assert_eq!(queue.remove(tickets[2]), None);
        assert_eq!(queue.pop(), Some(0));
        assert_eq!(queue.remove(tickets[0]), None, "it was popped");
        assert_eq!(queue.remove(tickets[4]), Some(4));
        assert_eq!(queue.clear(), [1, 3]);
        assert_eq!(queue.len(), 0);
    }
}
