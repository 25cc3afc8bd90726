//! When a core has served long enough and another takes its place (row M7).
//!
//! The bound on connections is cut by a random part of up to a half, for each core anew, so that
//! cores that started together do not end together. The core counts; this rule makes the bound, again from the
//! same draw when a reload changes it.

use std::time::Duration;

/// After how many accepted connections a core retires; None if it never does. `random` is any
/// number, each value as likely as another.
pub(crate) fn accepts_bound(accepts: u32, random: u64) -> Option<u32> {
    if accepts == 0 {
        return None;
    }
    let cut = random % u64::from(accepts / 2 + 1);
    Some(accepts - cut as u32)
}

/// Whether a core of this age retires. Zero: never.
pub(crate) fn is_old(age: Duration, most: Duration) -> bool {
    !most.is_zero() && age >= most
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn m7_zero_is_never() {
        assert_eq!(accepts_bound(0, 7), None);
        assert!(!is_old(Duration::MAX, Duration::ZERO));
        assert!(is_old(Duration::from_secs(5), Duration::from_secs(5)));
    }

    proptest! {
        #[test]
        fn m7_the_bound_is_cut_by_a_half_at_most(accepts in 1u32.., random: u64) {
            let bound = accepts_bound(accepts, random).expect("a bound");
            prop_assert!(bound <= accepts);
            prop_assert!(bound >= accepts - accepts / 2);
        }
    }

    #[test]
    fn m7_every_cut_is_drawn() {
        let drawn = (0..10).filter_map(|random| accepts_bound(4, random));
        let mut drawn: Vec<u32> = drawn.collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [2, 3, 4]);
    }
}
