//! How long the next record is: small ones first, so that a client can use each TCP segment when it
//! comes, then the longest, which cost least. Asked by [`super::seal`]. A burst is over after a rest.
//!
//! The small records are those of the first flight, ten segments (RFC 6928): for whatever comes behind, the
//! client has waited a round trip already, and a connection that does not rest knows its path. Each costs as
//! much as half a request, so 46 of them, which make 64 KiB, took a quarter of the time of such an answer.

use super::PLAIN_SIZE_BYTES_MAX;

/// Plaintext of a small record. With header, explicit nonce and tag it is 1428 bytes, which fit into one
/// segment over IPv6 with time stamps: 1500 less 40, 20 and 12.
pub const SMALL_PLAIN_SIZE_BYTES: usize = 1399;
/// Small records of a burst: the segments that TCP sends before the first is acknowledged.
const SMALL_RECORDS: u8 = 10;
/// Plaintext of a burst that goes out in small records.
pub const SMALL_BURST_SIZE_BYTES: usize = SMALL_RECORDS as usize * SMALL_PLAIN_SIZE_BYTES;

/// A point in time in tenths of a second, of which only the difference to another one matters. The count
/// begins anew after nearly two hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick(u16);

impl Tick {
    /// The tick of this many nanoseconds.
    pub fn of_nanos(nanos: u64) -> Tick {
        const TENTH: u64 = 100_000_000;
        // The upper bits are those of the time before the count began anew.
        Tick((nanos / TENTH) as u16)
    }

    /// Whether so much time has passed that TCP may send no more than a first flight again: it forgets
    /// what it has learned of a path that rests for a time-out (RFC 5681 section 4.1), at least a fifth of a second.
    pub(super) fn is_rested_since(self, before: Tick) -> bool {
        const REST: u16 = 10;
        self.0.wrapping_sub(before.0) >= REST
    }
}

/// How far a burst has come, in small records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordSizes(u8);

impl RecordSizes {
    /// Number of records that `left` bytes become.
    pub fn count(self, left: usize) -> usize {
        let small = usize::from(SMALL_RECORDS - self.0);
        let small = left.div_ceil(SMALL_PLAIN_SIZE_BYTES).min(small);
        let rest = left.saturating_sub(small * SMALL_PLAIN_SIZE_BYTES);
        small + rest.div_ceil(PLAIN_SIZE_BYTES_MAX)
    }

    /// Length of the next record's plaintext, with `left` bytes to be sent.
    pub fn next(&mut self, left: usize) -> usize {
        if self.0 >= SMALL_RECORDS {
            return left.min(PLAIN_SIZE_BYTES_MAX);
        }
        self.0 += 1;
        left.min(SMALL_PLAIN_SIZE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_begins_with_segments_and_goes_on_with_the_longest_records() {
        let mut sizes = RecordSizes::default();
        let mut small = 0;
        while sizes.next(1 << 20) == SMALL_PLAIN_SIZE_BYTES {
            small += SMALL_PLAIN_SIZE_BYTES;
        }
        assert!(small <= SMALL_BURST_SIZE_BYTES);
        assert!(small > SMALL_BURST_SIZE_BYTES - SMALL_PLAIN_SIZE_BYTES);
        assert_eq!(sizes.next(1 << 20), PLAIN_SIZE_BYTES_MAX);
        assert_eq!(sizes.next(100), 100);
    }

    #[test]
    fn a_rest_is_a_second_long_whatever_the_clock_says() {
        for begin in [0, 7, u64::from(u16::MAX) - 3] {
            let at = |tenths: u64| Tick::of_nanos((begin + tenths) * 100_000_000);
            assert!(!at(9).is_rested_since(at(0)));
            assert!(at(10).is_rested_since(at(0)));
            assert!(at(600).is_rested_since(at(0)));
        }
    }

    #[test]
    fn records_are_counted_before_they_are_made() {
        for left in [0, 1, 130, 1399, 1400, 13_990, 13_991, 65_536, 1 << 20] {
            for before in [0, 3, 10, 12] {
                let mut sizes = RecordSizes::default();
                for _ in 0..before {
                    sizes.next(9);
                }
                let (count, mut made, mut rest) = (sizes.count(left), 0, left);
                while rest > 0 {
                    rest -= sizes.next(rest);
                    made += 1;
                }
                assert_eq!(made, count, "{left} bytes after {before} records");
            }
        }
    }

    #[test]
    fn short_answers_count_as_records_of_the_burst() {
        let mut sizes = RecordSizes::default();
        assert_eq!(sizes.next(130), 130);
        assert_eq!(
            sizes.next(SMALL_PLAIN_SIZE_BYTES + 1),
            SMALL_PLAIN_SIZE_BYTES
        );
    }
}
