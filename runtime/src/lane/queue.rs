//! The queue of work that waits for a worker: one line per priority, in order of arrival, and a
//! ticket for each piece of work by which it can be taken out again.
//!
//! Called by the lane under its lock. The queue decides the order and nothing else; limits and
//! deadlines are the lane's.

use crate::class::{Chooser, Priority};
use std::collections::VecDeque;

/// Names one piece of work in a queue, for as long as it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    priority: Priority,
    /// Grows within a queue, so that a line is sorted by it.
    number: u64,
}

/// Laid out so that work in the normal line, which is nearly all there is, touches as few cache lines as
/// may be: each goes from CPU to CPU.
#[repr(C)]
pub(crate) struct Queue<W> {
    normal: VecDeque<(u64, W)>,
    next: u64,
    /// Count of the work in the other two lines.
    others: usize,
    chooser: Chooser,
    high: VecDeque<(u64, W)>,
    background: VecDeque<(u64, W)>,
}

impl<W> Queue<W> {
    pub(crate) fn new() -> Queue<W> {
        Queue {
            normal: VecDeque::new(),
            next: 0,
            others: 0,
            chooser: Chooser::default(),
            high: VecDeque::new(),
            background: VecDeque::new(),
        }
    }

    #[inline]
    fn line(&mut self, priority: Priority) -> &mut VecDeque<(u64, W)> {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
            Priority::Background => &mut self.background,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, priority: Priority, work: W) -> Ticket {
        let number = self.next;
        self.next += 1;
        self.others += usize::from(priority != Priority::Normal);
        self.line(priority).push_back((number, work));
        Ticket { priority, number }
    }

    /// The next by priority, with the bound on starvation of [`Chooser`].
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<W> {
        let mut has_work = [false, !self.normal.is_empty(), false];
        if self.others > 0 {
            has_work[Priority::High.index()] = !self.high.is_empty();
            has_work[Priority::Background.index()] = !self.background.is_empty();
        }
        let class = self.chooser.choose(has_work)?;
        let (_, work) = self.line(class).pop_front()?;
        self.others -= usize::from(class != Priority::Normal);
        Some(work)
    }

    /// Takes a piece of work out, if it still waits. Found by bisection; what stands behind it moves
    /// up.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<W> {
        let line = self.line(ticket.priority);
        let place = line
            .binary_search_by_key(&ticket.number, |(number, _)| *number)
            .ok()?;
        let (_, work) = line.remove(place)?;
        self.others -= usize::from(ticket.priority != Priority::Normal);
        Some(work)
    }

    /// The last that came, of the least urgent line that has any.
    pub(crate) fn pop_newest(&mut self) -> Option<W> {
        let least_first = [Priority::Background, Priority::Normal, Priority::High];
        for class in least_first {
            if let Some((_, work)) = self.line(class).pop_back() {
                self.others -= usize::from(class != Priority::Normal);
                return Some(work);
            }
        }
        None
    }

    /// Takes everything out, the most urgent first.
    pub(crate) fn clear(&mut self) -> Vec<W> {
        self.others = 0;
        let lines = [&mut self.high, &mut self.normal, &mut self.background];
        lines
            .into_iter()
            .flat_map(|line| line.drain(..).map(|(_, work)| work))
            .collect()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.normal.len() + self.high.len() + self.background.len()
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

    #[test]
    fn the_newest_of_the_least_urgent_is_given_up_first() {
        let mut queue = Queue::new();
        for (priority, work) in [(High, 'e'), (Normal, 'd'), (Background, 'b'), (Normal, 'c')] {
            queue.push(priority, work);
        }
        queue.push(Background, 'a');
        let order: String = std::iter::from_fn(|| queue.pop_newest()).collect();
        assert_eq!(order, "abcde");
        assert_eq!((queue.len(), queue.pop()), (0, None));
    }

    #[test]
    fn urgent_work_is_found_again_after_some_was_taken_out_or_all_was() {
        let mut queue = Queue::new();
        let ticket = queue.push(High, 'x');
        queue.push(Background, 'b');
        assert_eq!(queue.remove(ticket), Some('x'));
        assert_eq!(queue.remove(ticket), None);
        assert_eq!(queue.pop(), Some('b'));
        queue.push(High, 'y');
        queue.push(Normal, 'z');
        assert_eq!(queue.clear(), ['y', 'z']);
        queue.push(Background, 'c');
        queue.push(High, 'a');
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some('a'), Some('c'), None]
        );
    }
}
