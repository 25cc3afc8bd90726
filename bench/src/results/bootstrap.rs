//! Medians with bootstrap intervals: what the median would have been, had other rounds of the same kind been run.
//!
//! The values are drawn anew from themselves, many times, with a generator that begins the same way each time, so
//! that the same records make the same page. With few rounds such an interval is too narrow; the page says how many
//! there were.

/// How often the values are drawn anew.
const DRAWS: usize = 4_000;
/// Part of the draws that is left out at each end.
const TAIL: f64 = 0.025;

/// A median and the interval that the middle 95 % of the draws span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Values that it was made from.
    pub(super) values: usize,
}

impl Interval {
    /// `None` without values.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let median = median(&mut values.to_vec())?;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut medians: Vec<f64> = (0..DRAWS)
            .filter_map(|_| {
                let mut drawn: Vec<_> = (0..n).map(|_| values[random.below(n)]).collect();
                self::median(&mut drawn)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        let cut = (DRAWS as f64 * TAIL) as usize;
        Some(Self {
            median,
            low: medians[cut],
            high: medians[DRAWS - 1 - cut],
            values: n,
        })
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let (low, high) = (values.get(n.checked_sub(1)? / 2)?, values.get(n / 2)?);
    Some((low + high) / 2.0)
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_its_median_and_lies_within_the_values() {
        let values = [1.3, 0.9, 1.1, 1.0, 1.2, 2.9];
        let interval = Interval::of(&values).unwrap();
        assert!((interval.median - 1.15).abs() < 1e-9, "{interval:?}");
        assert!(0.9 <= interval.low && interval.low < interval.median);
        assert!(interval.median < interval.high && interval.high <= 2.9);
        assert_eq!(Interval::of(&values), Some(interval), "the same each time");
    }

    #[test]
    fn more_rounds_make_it_narrower() {
        let few: Vec<f64> = (0..6).map(|i| f64::from(i % 3)).collect();
        let many: Vec<f64> = (0..300).map(|i| f64::from(i % 3)).collect();
        let width = |values: &[f64]| {
            let interval = Interval::of(values).unwrap();
            interval.high - interval.low
        };
        assert!(width(&many) < width(&few));
        assert_eq!((width(&[4.0]), Interval::of(&[])), (0.0, None));
    }
}
