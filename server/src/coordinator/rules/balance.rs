//! Which cores give idle connections to which: when one has more than twice as many open as
//! another, until all are within a quarter of each other.
//!
//! Between the two limits nothing begins, but what has begun goes on, so that a pool at the edge
//! does not move connections to and fro. The rule does not say which connections move; only idle
//! ones can, and a core with too few of them gives what it has.

/// Below so many connections on the fullest core nothing moves: a difference of a few is chance. A quarter of so many
/// is more than one, which could not be halved.
const OPEN_MIN: u64 = 16;

/// A core and its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) core: u32,
    pub(crate) open: u64,
    /// Connections given to the core, and not taken in yet. They count as its own: a slow core would
    /// be given the same again, more than its share in the end, and then give it back.
    pub(crate) coming: u64,
}

/// So many connections from one core to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) count: u64,
}

/// The moves that even these out. `begun`: whether the last result was not empty.
pub(crate) fn balance(holders: &[Holder], begun: bool) -> Vec<Transfer> {
    let held = |holder: &Holder| (holder.core, holder.open + holder.coming);
    let open: Vec<(u32, u64)> = holders.iter().map(held).collect();
    let most = open.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let fewest = open.iter().map(|(_, count)| *count).min().unwrap_or(0);
    let apart = match begun {
        // More than 1.25 times, in whole numbers.
        true => most * 4 > fewest * 5,
        false => most > fewest * 2,
    };
    if most < OPEN_MIN || !apart {
        return Vec::new();
    }
    let sum: u64 = open.iter().map(|(_, count)| count).sum();
    let cores = open.len() as u64;
    let (share, rest) = (sum / cores, sum % cores);
    // Those that have most keep what the division leaves over.
    let mut by_size = open;
    by_size.sort_by_key(|(core, count)| (std::cmp::Reverse(*count), *core));
    let wanted = |place: u64| share + u64::from(place < rest);
    let mut givers: Vec<(u32, u64)> = Vec::new();
    let mut transfers = Vec::new();
    for (place, (core, count)) in (0..).zip(by_size) {
        let wanted = wanted(place);
        if count > wanted {
            givers.push((core, count - wanted));
        }
        let mut room = wanted.saturating_sub(count);
        while let Some((from, spare)) = givers.last_mut().filter(|_| room > 0) {
            let count = room.min(*spare);
            transfers.push(Transfer {
                from: *from,
                to: core,
                count,
            });
            room -= count;
            *spare -= count;
            if *spare == 0 {
                givers.pop();
            }
        }
    }
    transfers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cores(open: &[u64]) -> Vec<Holder> {
        let holder = |(core, open): (u32, &u64)| Holder {
            core,
            open: *open,
            coming: 0,
        };
        (0..).zip(open).map(holder).collect()
    }

    #[test]
    fn it_begins_above_twice_and_ends_within_a_quarter() {
        assert_eq!(balance(&cores(&[100, 50]), false), []);
        assert!(!balance(&cores(&[101, 50]), false).is_empty());
        assert!(!balance(&cores(&[100, 50]), true).is_empty());
        assert_eq!(balance(&cores(&[100, 80]), true), []);
        assert!(!balance(&cores(&[101, 80]), true).is_empty());
    }

    #[test]
    fn a_few_connections_stay_where_they_are() {
        assert_eq!(balance(&cores(&[15, 0]), false), []);
        assert_eq!(balance(&cores(&[]), false), []);
        assert_eq!(balance(&cores(&[1000]), false), []);
    }

    #[test]
    fn those_that_have_most_give_what_is_above_their_share_to_those_that_have_fewest() {
        // A row: whether it has begun, how many each core has open, and what moves, from and to whom.
        type Row = (bool, &'static [u64], &'static [(u32, u32, u64)]);
        let rows: [Row; 15] = [
            (false, &[15, 0], &[]),
            (false, &[16, 0], &[(0, 1, 8)]),
            (false, &[0, 17], &[(1, 0, 8)]),
            (false, &[16, 8], &[]),
            (false, &[17, 8], &[(0, 1, 4)]),
            (true, &[16, 13], &[]),
            (true, &[16, 12], &[(0, 1, 2)]),
            (true, &[15, 0], &[]),
            (true, &[101, 80], &[(0, 1, 10)]),
            // One that has its share neither gives nor is given.
            (false, &[40, 20, 0], &[(0, 2, 20)]),
            (false, &[50, 0, 0], &[(0, 1, 17), (0, 2, 16)]),
            (false, &[0, 0, 50], &[(2, 0, 17), (2, 1, 16)]),
            (false, &[40, 40, 0, 0], &[(1, 2, 20), (0, 3, 20)]),
            (false, &[90, 30, 0, 0], &[(0, 2, 30), (0, 3, 30)]),
            (false, &[30, 50, 4], &[(0, 2, 2), (1, 2, 22)]),
        ];
        for (begun, open, expected) in rows {
            let moves = balance(&cores(open), begun);
            let moves: Vec<_> = moves
                .iter()
                .map(|transfer| (transfer.from, transfer.to, transfer.count))
                .collect();
            assert_eq!(moves, expected, "{open:?}, begun: {begun}");
        }
    }

    #[test]
    fn what_is_on_its_way_to_a_slow_core_is_not_sent_again() {
        let mut cores = cores(&[50, 0, 0]);
        cores[1].coming = 40;
        cores[2].coming = 45;
        assert_eq!(balance(&cores, true), []);
        cores[2].coming = 0;
        let transfer = |from, count| Transfer { from, to: 2, count };
        assert_eq!(balance(&cores, true), [transfer(1, 10), transfer(0, 20)]);
    }

    proptest! {
        #[test]
        fn what_is_moved_ends_the_difference_and_loses_nobody(
            open in proptest::collection::vec(0u64..2000, 2..9),
        ) {
            let mut after = open.clone();
            let transfers = balance(&cores(&open), false);
            for transfer in &transfers {
                prop_assert!(transfer.count > 0);
                after[transfer.from as usize] -= transfer.count;
                after[transfer.to as usize] += transfer.count;
            }
            prop_assert_eq!(after.iter().sum::<u64>(), open.iter().sum::<u64>());
            if !transfers.is_empty() {
                let (fewest, most) = (after.iter().min(), after.iter().max());
                prop_assert!(most.zip(fewest).is_some_and(|(most, fewest)| most - fewest <= 1));
                prop_assert_eq!(balance(&cores(&after), true), vec![]);
            }
        }
    }
}
