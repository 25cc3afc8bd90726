//! Answers by route and status: a table with one writer, readable by any thread.
//!
//! A row for each route of the application, so its size is known when a core starts. A row has room for
//! [`STATUSES`] different statuses; those that come later are counted together, so that no handler can make the
//! table, or the page of metrics, grow. The cores count, each in a table of its own; the coordinator reads.

use super::super::counter::Counter;
use std::sync::atomic::{AtomicU16, Ordering};

/// Statuses that a route is counted by one by one.
pub const STATUSES: usize = 7;

/// The route of an answer that is of none.
pub(crate) const NO_ROUTE: u32 = u32::MAX;

/// The count that an answer belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    /// The number of its route, or [`NO_ROUTE`].
    pub(crate) route: u32,
    pub(crate) status: u16,
}

/// The answers of one core.
#[derive(Debug, Default)]
pub struct RouteCounts {
    names: Box<[String]>,
    rows: Box<[Row]>,
}

#[derive(Debug, Default)]
struct Row {
    /// The statuses that came, in the order in which they came first; then zeros.
    statuses: [AtomicU16; STATUSES],
    counts: [Counter; STATUSES],
    others: Counter,
}

impl RouteCounts {
    /// A table for routes of these names, by number.
    pub fn new(names: Vec<String>) -> RouteCounts {
        RouteCounts {
            rows: names.iter().map(|_| Row::default()).collect(),
            names: names.into(),
        }
    }

    /// Counts an answer. False if it is of no route, or of one that has answered with too many other statuses. Call it
    /// from the one thread that owns the table.
    #[inline]
    pub fn count(&self, route: u32, status: u16) -> bool {
        let Some(row) = self.rows.get(route as usize) else {
            return false;
        };
        // Nearly all answers of a route are of the status that came first.
        if row.statuses[0].load(Ordering::Relaxed) == status {
            row.counts[0].add(1);
            return true;
        }
        row.count(status)
    }

    /// Each route's answers by status: those of [`Self::count`] that were true, and last those that it has counted
    /// together, without a status.
    pub fn read(&self) -> impl Iterator<Item = (&str, Option<u16>, u64)> {
        self.names.iter().zip(&self.rows).flat_map(|(name, row)| {
            let known = row.statuses.iter().zip(&row.counts).map(|(status, count)| {
                // The count is read first: a status stays once it is there.
                let count = count.get();
                (Some(status.load(Ordering::Relaxed)), count)
            });
            let all = known.chain([(None, row.others.get())]);
            all.filter(|(_, count)| *count > 0)
                .map(|(status, count)| (name.as_str(), status, count))
        })
    }
}

impl Row {
    #[cold]
    fn count(&self, status: u16) -> bool {
        for (known, count) in self.statuses.iter().zip(&self.counts) {
            match known.load(Ordering::Relaxed) {
                0 => known.store(status, Ordering::Relaxed),
                found if found == status => {}
                _ => continue,
            }
            count.add(1);
            return true;
        }
        self.others.add(1);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RouteCounts {
        RouteCounts::new(vec!["GET /".to_owned(), "GET /{id}".to_owned()])
    }

    #[test]
    fn each_route_has_its_own_counts_by_status() {
        let table = table();
        for (route, status) in [(0, 200), (1, 404), (1, 200), (0, 200), (1, 404)] {
            assert!(table.count(route, status));
        }
        assert!(!table.count(2, 200) && !table.count(NO_ROUTE, 200));
        let read: Vec<_> = table.read().collect();
        let expected = [
            ("GET /", Some(200), 2),
            ("GET /{id}", Some(404), 2),
            ("GET /{id}", Some(200), 1),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn statuses_beyond_the_room_of_a_route_are_counted_together() {
        let table = table();
        let counted = (200..210).filter(|status| table.count(0, *status));
        assert_eq!(counted.count(), STATUSES);
        assert!(table.count(0, 203));
        let read: Vec<_> = table.read().collect();
        assert_eq!(read.len(), STATUSES + 1);
        assert_eq!(read[3], ("GET /", Some(203), 2));
        assert_eq!(read[STATUSES], ("GET /", None, 3));
    }
}
