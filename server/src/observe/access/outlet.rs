//! A core's end of the access log: lines are gathered in a batch, and batches go to the writer through a bounded queue.
//!
//! Nothing here waits. While the queue is full, because the disk or the reader of the output stalls, the batch of the
//! core fills up, and then lines are dropped and counted. The callers of [`Outlet::hand_over`], and the thread that
//! writes, are elsewhere.

use super::writer::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of a batch that is full. A batch may be larger by one line.
pub(super) const BATCH_SIZE_BYTES: usize = 32 << 10;

/// Lines on their way to the writer.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each with its end.
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u32,
}

/// The end of one core.
pub(crate) struct Outlet {
    shared: Arc<Shared>,
    batch: Batch,
}

impl Outlet {
    pub(super) fn new(shared: Arc<Shared>) -> Outlet {
        Outlet {
            shared,
            batch: Batch::default(),
        }
    }

    /// Lets `write` write a line without its end, unless there is no room; false if it is dropped.
    #[inline]
    pub(crate) fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.batch.bytes.len() >= BATCH_SIZE_BYTES && !self.hand_over() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        write(&mut self.batch.bytes);
        self.batch.bytes.push(b'\n');
        self.batch.lines += 1;
        true
    }

    /// Gives the lines gathered so far to the writer; false if it has no room for them now.
    pub(crate) fn hand_over(&mut self) -> bool {
        if self.batch.lines == 0 {
            return true;
        }
        match self.shared.offer(std::mem::take(&mut self.batch)) {
            Ok(()) => {
                self.batch.bytes = self.shared.room();
                true
            }
            Err(batch) => {
                self.batch = batch;
                false
            }
        }
    }
}

impl Drop for Outlet {
    /// The core ends: its last lines go to the writer, or are dropped and counted.
    fn drop(&mut self) {
        if !self.hand_over() {
            let lines = u64::from(self.batch.lines);
            self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
        }
    }
}
