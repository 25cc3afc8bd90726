//! How long the next record is: small ones first, so that a client can use each TCP segment when it
//! comes, then the longest, which cost least. Asked by [`super::seal`]; the connection says when a burst
//! is over.

use super::PLAIN_SIZE_BYTES_MAX;

/// Plaintext of a small record. With header, explicit nonce and tag it is 1428 bytes, which fit into one
/// segment over IPv6 with time stamps: 1500 less 40, 20 and 12.
pub const SMALL_PLAIN_SIZE_BYTES: usize = 1399;
/// Plaintext of a burst that goes out in small records.
pub const SMALL_BURST_SIZE_BYTES: usize = 64 << 10;

/// Small records of a burst.
const SMALL_RECORDS: u8 = (SMALL_BURST_SIZE_BYTES / SMALL_PLAIN_SIZE_BYTES) as u8;
const _: () = assert!(SMALL_BURST_SIZE_BYTES / SMALL_PLAIN_SIZE_BYTES < 256);

/// How far a burst has come, in small records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordSizes(u8);

impl RecordSizes {
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
    fn short_answers_count_as_records_of_the_burst() {
        let mut sizes = RecordSizes::default();
        assert_eq!(sizes.next(130), 130);
        assert_eq!(
            sizes.next(SMALL_PLAIN_SIZE_BYTES + 1),
            SMALL_PLAIN_SIZE_BYTES
        );
    }
}
