//! Medians and their confidence intervals from order statistics: no model, no randomness.
//!
//! The interval for a median of n values runs from the k-th smallest to the k-th largest, with the
//! largest k for which a binomial(n, 1/2) variable is below k with a probability of at most 2.5 %.

use serde::Serialize;

/// Probability left out on each side of the interval.
const TAIL: f64 = 0.025;

/// A median and an interval that holds the true one in at least 95 % of repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Median {
    /// The median of the values.
    pub median: f64,
    /// Lower and upper end; `None` with fewer than six values, which cannot give 95 %.
    pub ci95: Option<[f64; 2]>,
}

impl Median {
    /// `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let (low, high) = (sorted.get(n.checked_sub(1)? / 2)?, sorted.get(n / 2)?);
        let ci95 = rank(n).map(|k| [sorted[k - 1], sorted[n - k]]);
        Some(Self {
            median: (low + high) / 2.0,
            ci95,
        })
    }
}

/// The largest k with P(binomial(n, 1/2) < k) <= TAIL; `None` if even k = 1 has more.
fn rank(n: usize) -> Option<usize> {
    let mut term = 0.5_f64.powi(i32::try_from(n).ok()?);
    let mut below = 0.0;
    let mut k = 0;
    while k < n / 2 && below + term <= TAIL {
        below += term;
        term *= (n - k) as f64 / (k + 1) as f64;
        k += 1;
    }
    (k > 0).then_some(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_agree_with_the_published_table_for_the_sign_test() {
        let table = [
            (5, None),
            (6, Some(1)),
            (8, Some(1)),
            (9, Some(2)),
            (12, Some(3)),
            (20, Some(6)),
            (25, Some(8)),
        ];
        for (n, expected) in table {
            assert_eq!(rank(n), expected, "n = {n}");
        }
    }

    #[test]
    fn a_median_lies_in_its_interval_and_order_does_not_matter() {
        let values: Vec<f64> = [3, 9, 1, 12, 5, 7, 11, 2, 10, 4, 8, 6]
            .map(f64::from)
            .to_vec();
        let median = Median::of(&values).unwrap();
        assert_eq!(
            median,
            Median {
                median: 6.5,
                ci95: Some([3.0, 10.0])
            }
        );
        assert_eq!(
            Median::of(&[4.0, 2.0]),
            Some(Median {
                median: 3.0,
                ci95: None
            })
        );
        assert_eq!(Median::of(&[]), None);
    }
}
