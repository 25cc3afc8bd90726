//! The queue of batches, and the thread `rg-access` that empties it.
//!
//! The thread alone touches the output ([`super::output`]), and alone waits for it. The cores offer batches and never
//! wait ([`super::outlet`]).

use super::outlet::{BATCH_SIZE_BYTES, Batch};
use super::output::Output;
use crate::observe::log::{RateLimit, limited};
use crossbeam_queue::ArrayQueue;
use ringgate_runtime::sys::signals::without_signals;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Name of the thread; at most 15 bytes (pthread_setname_np(3)).
const THREAD_NAME: &str = "rg-access";
/// How long to wait before a flush looks again whether the queue has room.
const RETRY: Duration = Duration::from_millis(5);
/// Emptied batches that are kept to be used again.
const SPARE_BATCHES_MAX: usize = 16;

enum Entry {
    Lines(Batch),
    /// Everything before it is written: tell the one who waits.
    Flush(SyncSender<()>),
}

/// The queue, and what is counted.
pub(super) struct Shared {
    queue: ArrayQueue<Entry>,
    spare: ArrayQueue<Vec<u8>>,
    thread: std::sync::OnceLock<Thread>,
    // Plain statistics: nothing is published through them, so relaxed order does.
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    // Both are raised before an unpark, which orders them for the thread that wakes up.
    reopen: AtomicBool,
    closed: AtomicBool,
}

impl Shared {
    /// Queues a batch and wakes the thread, or gives the batch back if there is no room. Never waits.
    pub(super) fn offer(&self, batch: Batch) -> Result<(), Batch> {
        match self.queue.push(Entry::Lines(batch)) {
            Ok(()) => {
                self.wake();
                Ok(())
            }
            Err(Entry::Lines(batch)) => Err(batch),
            Err(Entry::Flush(_)) => unreachable!("what is given back is what was pushed"),
        }
    }

    /// Room for another batch.
    pub(super) fn room(&self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(super) fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// The thread is to end when the queue is empty, and to wait for a stalled output no more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    /// Waits until every batch offered before is written; false when `within` is over first.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let left = || deadline.saturating_duration_since(Instant::now());
        let (done, wait) = sync_channel(1);
        let mut entry = Entry::Flush(done);
        while let Err(refused) = self.queue.push(entry) {
            if left().is_zero() {
                return false;
            }
            entry = refused;
            thread::sleep(RETRY.min(left()));
        }
        self.wake();
        wait.recv_timeout(left()).is_ok()
    }
}

/// Starts the thread, which writes to `output`. At most `batches_max` wait for it.
///
/// # Errors
/// The system refuses a thread (pthread_create(3)).
pub(super) fn start(output: Output, batches_max: usize) -> io::Result<Arc<Shared>> {
    let shared = Arc::new(Shared {
        queue: ArrayQueue::new(batches_max),
        spare: ArrayQueue::new(SPARE_BATCHES_MAX),
        thread: std::sync::OnceLock::new(),
        written: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
        reopen: AtomicBool::new(false),
        closed: AtomicBool::new(false),
    });
    let mut writer = Writer {
        shared: shared.clone(),
        output,
        limit: RateLimit::new(),
        began: Instant::now(),
    };
    let builder = thread::Builder::new().name(THREAD_NAME.into());
    let join = without_signals(|| builder.spawn(move || writer.run()))??;
    // Nothing is offered before this returns.
    let _ = shared.thread.set(join.thread().clone());
    Ok(shared)
}

/// The lines behind so many.
fn behind(lines: &[u8], count: u64) -> &[u8] {
    let mut each = lines.split_inclusive(|byte| *byte == b'\n');
    let before: usize = each.by_ref().take(count as usize).map(<[u8]>::len).sum();
    &lines[before..]
}

struct Writer {
    shared: Arc<Shared>,
    output: Output,
    limit: RateLimit,
    began: Instant,
}

impl Writer {
    fn run(&mut self) {
        loop {
            if self.shared.reopen.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            // Read before the queue: what was offered before the close is then seen by the pop.
            let closed = self.shared.closed.load(Ordering::Acquire);
            match self.shared.queue.pop() {
                Some(Entry::Lines(batch)) => self.write(batch),
                // The one who waits may have given up.
                Some(Entry::Flush(done)) => drop(done.try_send(())),
                None if closed => return,
                None => thread::park(),
            }
        }
    }

    fn write(&mut self, mut batch: Batch) {
        let shared = self.shared.clone();
        let reopens = self.output.reopens();
        let gives_up = || {
            let is_raised = |flag: &AtomicBool| flag.load(Ordering::Acquire);
            is_raised(&shared.closed) || (reopens && is_raised(&shared.reopen))
        };
        let (mut rest, mut left) = (&batch.bytes[..], u64::from(batch.lines));
        let dropped = loop {
            let Err(stopped) = self.output.write(rest, &gives_up) else {
                break 0;
            };
            left -= stopped.written;
            // An output that takes nothing may be the very reason why it is to be opened again.
            if !reopens || !shared.reopen.swap(false, Ordering::Acquire) {
                self.complain(&stopped.error);
                break left;
            }
            self.reopen();
            rest = behind(rest, stopped.written);
        };
        let written = u64::from(batch.lines) - dropped;
        self.shared.written.fetch_add(written, Ordering::Relaxed);
        self.shared.dropped.fetch_add(dropped, Ordering::Relaxed);
        batch.bytes.clear();
        if batch.bytes.capacity() <= 2 * BATCH_SIZE_BYTES {
            // There are spare ones enough: this one is freed.
            let _ = self.shared.spare.push(batch.bytes);
        }
    }

    fn reopen(&mut self) {
        if let Err(error) = self.output.reopen() {
            tracing::error!("{error}; its lines go to the old file");
        }
    }

    fn complain(&self, error: &io::Error) {
        limited!(
            self.limit,
            self.began.elapsed().as_nanos() as u64,
            error,
            "access-log",
            %error,
            "lines of the access log cannot be written and are dropped"
        );
    }
}
