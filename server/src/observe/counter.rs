//! A counter with one writer and any number of readers.
//!
//! Cores count with it; the coordinator reads. This file decides only how a count is stored. A
//! counter does not pad itself to a cache line: its counters lie side by side in one structure per
//! core, and that structure is aligned to cache lines of its own.

use std::sync::atomic::{AtomicU64, Ordering};

/// A monotonic count, written by one thread, read by any.
///
/// Adding is a plain load and store instead of an atomic read-modify-write, so it costs no locked
/// instruction. The price: two threads adding at once lose counts. Reads are relaxed, so two
/// counters read one after the other need not belong to the same instant.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n`, wrapping at 2^64. Call it from the one thread that owns the counter.
    #[inline]
    pub fn add(&self, n: u64) {
        let value = self.0.load(Ordering::Relaxed).wrapping_add(n);
        self.0.store(value, Ordering::Relaxed);
    }

    /// The count so far.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn a_reader_on_another_thread_sees_every_count_once_the_writer_is_done() {
        let counter = Counter::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=1000).for_each(|n| counter.add(n)));
        });
        assert_eq!(counter.get(), 500_500);
    }

    #[test]
    fn a_reader_never_sees_the_count_go_back() {
        let counter = Counter::new();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..100_000).for_each(|_| counter.add(1)));
            let mut last = 0;
            while !writer.is_finished() {
                let now = counter.get();
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
        assert_eq!(counter.get(), 100_000);
    }
}
