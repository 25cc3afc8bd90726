//! How long things took: a histogram with one writer, readable by any thread.
//!
//! Log-linear: every power of two of nanoseconds is divided into [`DIVISIONS`] equal buckets, so
//! a value is known to within 1/16 of itself, from 1 ns to 2^64 ns, in 7.6 KiB. The cores record;
//! the coordinator takes a [`HistogramSnapshot`], merges those of several cores, and renders them.
//! A histogram measures no time itself.

use super::super::counter::Counter;

/// Buckets within each power of two.
pub const DIVISIONS: usize = 1 << DIVISION_BITS;
const DIVISION_BITS: u32 = 4;
/// Values up to 2 * DIVISIONS have a bucket each; then come DIVISIONS for each further power.
const BUCKETS: usize = (u64::BITS - DIVISION_BITS + 1) as usize * DIVISIONS;

const _: () = assert!(bucket_of(u64::MAX) == BUCKETS - 1);
const _: () = assert!(bucket_end(BUCKETS - 1) == u64::MAX);

/// Upper ends (`le`, inclusive) of the rendered buckets, in nanoseconds: the powers of two from
/// 1.024 us to 34.4 s. Each is the end of a recorded bucket, so the rendered counts are exact.
pub const LE_NANOS: [u64; 26] = {
    let mut ends = [0; 26];
    let mut index = 0;
    while index < ends.len() {
        ends[index] = 1 << (10 + index);
        assert!(bucket_end(bucket_of(ends[index])) == ends[index]);
        index += 1;
    }
    ends
};

/// The bucket of a value. Buckets include their upper end, as Prometheus wants it (`le`); zero
/// shares the bucket of 1 ns.
#[inline]
const fn bucket_of(nanos: u64) -> usize {
    let below = nanos.saturating_sub(1);
    if below < 2 * DIVISIONS as u64 {
        return below as usize;
    }
    let shift = below.ilog2() - DIVISION_BITS;
    // The leading bit and the DIVISION_BITS after it, shifted down, are in
    // DIVISIONS..2 * DIVISIONS.
    shift as usize * DIVISIONS + (below >> shift) as usize
}

/// The largest value of a bucket, in nanoseconds.
const fn bucket_end(bucket: usize) -> u64 {
    if bucket < 2 * DIVISIONS {
        return bucket as u64 + 1;
    }
    let shift = (bucket / DIVISIONS - 1) as u32;
    let leading = (bucket % DIVISIONS + DIVISIONS) as u64;
    // The last bucket ends at 2^64, which is told as 2^64 - 1.
    match (leading + 1).checked_shl(shift) {
        Some(end) if end >> shift == leading + 1 => end,
        _ => u64::MAX,
    }
}

/// Counts durations; see the module. One thread records, any thread reads.
#[derive(Debug)]
pub struct Histogram {
    // On the heap: a structure of counters with two of these inside stays small.
    buckets: Box<[Counter]>,
    sum_nanos: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| Counter::new()).collect();
        Self {
            buckets,
            sum_nanos: Counter::new(),
        }
    }

    /// Counts one duration. Call it from the one thread that owns the histogram.
    #[inline]
    pub fn record(&self, nanos: u64) {
        self.record_many(nanos, 1);
    }

    /// Counts `count` durations of the same length. Call it as [`Histogram::record`].
    #[inline]
    pub fn record_many(&self, nanos: u64, count: u64) {
        self.buckets[bucket_of(nanos)].add(count);
        self.sum_nanos.add(nanos.saturating_mul(count));
    }

    /// The counts now. While the owner records, the sum may include a value that the buckets do
    /// not, or the other way round; the count always equals the buckets.
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            buckets: self.buckets.iter().map(Counter::get).collect(),
            sum_nanos: self.sum_nanos.get(),
        }
    }
}

/// The counts of a [`Histogram`] at one moment, or of several merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Empty means that nothing was ever counted.
    buckets: Vec<u64>,
    sum_nanos: u64,
}

impl HistogramSnapshot {
    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
        } else {
            let pairs = self.buckets.iter_mut().zip(&other.buckets);
            pairs.for_each(|(ours, theirs)| *ours += theirs);
        }
        self.sum_nanos = self.sum_nanos.wrapping_add(other.sum_nanos);
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of the values, in nanoseconds.
    pub fn sum_nanos(&self) -> u64 {
        self.sum_nanos
    }

    /// An upper bound of the value below which the part `q` (0 to 1) of all values lies, in
    /// nanoseconds: never below the true one, and at most 1/16 above it. None when empty.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        // The rank of the value: at least the first. A cast saturates, so a `q` above 1 is 1.
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|n| {
            seen += n;
            seen >= rank
        })?;
        Some(bucket_end(bucket))
    }

    /// The buckets that hold a value, the shortest first: the upper end of each in nanoseconds, and how many values
    /// it holds.
    pub fn filled(&self) -> Vec<(u64, u64)> {
        let buckets = self.buckets.iter().enumerate();
        buckets
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, &count)| (bucket_end(bucket), count))
            .collect()
    }

    /// For each of [`LE_NANOS`] the number of values at most as large.
    pub fn cumulative(&self) -> [u64; LE_NANOS.len()] {
        let mut next = 0;
        let mut seen = 0;
        LE_NANOS.map(|le| {
            let end = (bucket_of(le) + 1).min(self.buckets.len());
            seen += self.buckets[next..end].iter().sum::<u64>();
            next = end;
            seen
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> HistogramSnapshot {
        let histogram = Histogram::new();
        values.iter().for_each(|&value| histogram.record(value));
        histogram.snapshot()
    }

    #[test]
    fn buckets_meet_without_gap_or_overlap_and_are_narrow() {
        for bucket in 1..BUCKETS {
            let (start, end) = (bucket_end(bucket - 1) + 1, bucket_end(bucket));
            assert!(start <= end, "bucket {bucket}");
            assert_eq!(bucket_of(start), bucket, "start {start}");
            assert_eq!(bucket_of(end), bucket, "end {end}");
            assert!(
                end - start < start.div_ceil(DIVISIONS as u64),
                "bucket {bucket} is wide"
            );
        }
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(1), 0);
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        for empty in [HistogramSnapshot::default(), of(&[])] {
            assert_eq!(empty.quantile(0.5), None);
            assert_eq!(empty.count(), 0);
            assert_eq!(empty.cumulative(), [0; LE_NANOS.len()]);
        }
    }

    #[test]
    fn many_of_one_length_count_as_if_they_came_one_by_one() {
        let histogram = Histogram::new();
        histogram.record_many(1_000, 3);
        histogram.record_many(70, 0);
        assert_eq!(histogram.snapshot(), of(&[1_000; 3]));
    }

    #[test]
    fn filled_buckets_are_told_with_their_upper_ends() {
        assert_eq!(of(&[3, 3, 1_000]).filled(), [(3, 2), (1_024, 1)]);
        assert_eq!(HistogramSnapshot::default().filled(), []);
    }

    #[test]
    fn a_value_on_an_upper_end_belongs_to_that_bucket() {
        for (index, &le) in LE_NANOS.iter().enumerate() {
            assert_eq!(of(&[le]).cumulative()[index], 1, "{le}");
            assert_eq!(of(&[le + 1]).cumulative()[index], 0, "{le}");
        }
    }

    #[test]
    fn a_reader_meanwhile_sees_counts_that_only_grow() {
        let histogram = Histogram::new();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..20_000).for_each(|n| histogram.record(n)));
            let mut last = histogram.snapshot();
            while !writer.is_finished() {
                let now = histogram.snapshot();
                assert!(
                    now.buckets
                        .iter()
                        .zip(&last.buckets)
                        .all(|(now, last)| now >= last)
                );
                last = now;
            }
        });
        assert_eq!(histogram.snapshot().count(), 20_000);
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = prop_oneof![0..100_u64, 0..10_000_000_u64, any::<u64>()];
        prop::collection::vec(value, 1..200)
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_or_just_above_the_true_one(values in values(), q in 0.0..=1.0_f64) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
            let truth = sorted[rank - 1].max(1);
            let told = of(&values).quantile(q).unwrap();
            prop_assert!(told >= truth, "{} below {}", told, truth);
            prop_assert!(told - truth <= truth / DIVISIONS as u64, "{} for {}", told, truth);
        }

        #[test]
        fn cumulative_counts_are_exact(values in values()) {
            let counts = of(&values).cumulative();
            for (le, count) in LE_NANOS.iter().zip(counts) {
                prop_assert_eq!(count, values.iter().filter(|v| *v <= le).count() as u64);
            }
        }

        #[test]
        fn merging_is_the_same_as_recording_in_one(a in values(), b in values()) {
            let mut merged = HistogramSnapshot::default();
            merged.merge(&of(&a));
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }
}
