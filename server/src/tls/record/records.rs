//! Where records are made. Memory that held other records before is written over, so that none of it has to
//! be cleared first: an answer of 64 KiB costs a pass over its bytes less. Filled by [`super::seal`].

use std::ops::{Deref, DerefMut};

/// Records that are ready to be sent, one behind the other.
#[derive(Debug, Default)]
pub struct Records {
    /// Behind `end`: left from before, and meaningless.
    bytes: Vec<u8>,
    end: usize,
}

impl Records {
    /// No records yet; all bytes of `memory` may be written over.
    pub fn over(memory: Vec<u8>) -> Records {
        Records {
            bytes: memory,
            end: 0,
        }
    }

    /// A place with these records, and room behind them.
    pub fn behind(records: Vec<u8>) -> Records {
        Records {
            end: records.len(),
            bytes: records,
        }
    }

    /// The records as a vector of their own.
    pub fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.end);
        self.bytes
    }

    /// Makes room for so many bytes at once, so that the memory grows no more than once.
    pub(super) fn reserve(&mut self, length: usize) {
        let end = self.end + length;
        self.bytes
            .reserve_exact(end.saturating_sub(self.bytes.len()));
    }

    /// The place of the next record, which counts from [`Records::keep`] on.
    pub(super) fn room(&mut self, length: usize) -> &mut [u8] {
        let end = self.end + length;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.end..end]
    }

    /// So many bytes of the room are a record.
    pub(super) fn keep(&mut self, length: usize) {
        self.end += length;
        debug_assert!(self.end <= self.bytes.len());
    }
}

impl Deref for Records {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.end]
    }
}

impl DerefMut for Records {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_written_over_and_nothing_of_before_is_told() {
        let mut records = Records::over(b"before".to_vec());
        assert!(records.is_empty());
        records.room(3).copy_from_slice(b"one");
        assert!(records.is_empty(), "a record that failed was never there");
        records.room(3).copy_from_slice(b"two");
        records.keep(3);
        assert_eq!(&records[..], b"two");
        records.room(5).copy_from_slice(b"three");
        records.keep(5);
        assert_eq!(records.into_vec(), b"twothree");
    }

    #[test]
    fn memory_is_taken_over_and_grows_once_by_what_is_asked_for() {
        let memory = Vec::with_capacity(100);
        let place = memory.as_ptr();
        let mut records = Records::over(memory);
        assert_eq!(records.bytes.capacity(), 100);
        records.room(100).fill(7);
        records.keep(60);
        assert_eq!(records.bytes.as_ptr(), place, "there was room");
        records.reserve(70);
        assert_eq!(records.bytes.capacity(), 130, "behind those that are kept");
        records.reserve(30);
        records.reserve(0);
        assert_eq!(records.bytes.capacity(), 130, "there is room already");
        let place = records.bytes.as_ptr();
        records.room(70).fill(8);
        records.keep(70);
        assert_eq!(records.bytes.as_ptr(), place);
        assert_eq!(records.into_vec().len(), 130);
    }

    #[test]
    fn records_that_were_there_stay_in_front() {
        let mut records = Records::behind(b"one".to_vec());
        records.room(3).copy_from_slice(b"two");
        records.keep(3);
        assert_eq!(records.into_vec(), b"onetwo");
    }
}
