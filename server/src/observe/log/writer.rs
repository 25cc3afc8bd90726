//! The bounded queue of lines and the thread `rg-log` that empties it.
//!
//! The layer offers lines from any thread and never waits: when the queue is full, because the
//! reader of the pipe stalls or the disk does, the line is dropped and counted. Only `rg-log`
//! touches the output. `line.rs` formats events, and `mod.rs` decides where the output is.
//!
//! One line is one write, so that two processes that append to one file (an upgrade) do not mix
//! their lines (open(2), O_APPEND).

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_queue::ArrayQueue;
use ringgate_runtime::sys::signals::without_signals;

use super::file::is_torn;
use super::line::{Form, Report};
use super::panics::{self, Panicked};

/// Name of the thread; at most 15 bytes (pthread_setname_np(3)).
const THREAD_NAME: &str = "rg-log";
/// Name of the thread that names frames.
const NAMES_THREAD_NAME: &str = "rg-names";
/// Lines that wait at most; beyond, they are dropped.
pub(super) const QUEUE_LINES_MAX: usize = 4096;
/// Bytes that wait at most. Each thread may exceed it by the one line it is offering.
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Panics that wait for the names of their frames at most; the backtraces of further ones are dropped.
/// Each may take half a second, in a large program many, so a thread of its own names them: no line waits for it.
const PANICS_MAX: usize = 16;
/// Emptied line buffers kept for reuse, and the largest that is kept.
const SPARE_BUFFERS_MAX: usize = 64;
const SPARE_BUFFER_BYTES_MAX: usize = 1024;
/// How long to wait before trying again an output in non-blocking mode that is full, or a flush
/// that finds the queue full.
const RETRY: Duration = Duration::from_millis(5);

enum Entry {
    Line(String),
    /// Somebody panicked: its frames are to be named.
    Panic(Panicked),
    /// Everything before it is written: tell the one who waits.
    Flush(SyncSender<()>),
}

struct Shared {
    queue: ArrayQueue<Entry>,
    queue_bytes: AtomicUsize,
    /// Panics whose backtraces are not queued yet. Lowered with release once one is.
    panics: AtomicUsize,
    spare: ArrayQueue<String>,
    // Plain statistics: nothing is published through them, so relaxed order does.
    dropped: AtomicU64,
    written: AtomicU64,
    // Both are raised before an unpark, which orders them for the thread that wakes up.
    reopen: AtomicBool,
    closed: AtomicBool,
}

impl Shared {
    /// Queues `line`, or drops and counts it.
    fn offer(&self, line: String) {
        let bytes = line.len();
        let queued = self.queue_bytes.fetch_add(bytes, Ordering::Relaxed);
        if queued >= QUEUE_BYTES_MAX || self.queue.push(Entry::Line(line)).is_err() {
            self.queue_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Names the frames of a panic, and queues them in one line.
    fn backtrace(&self, form: Form, panicked: &Panicked) {
        let frames = panics::frames(&panicked.stack);
        let mut line = String::new();
        Report {
            form,
            now: panicked.at,
            level: tracing::Level::ERROR,
            thread: &panicked.thread,
        }
        .write(
            &mut line,
            format_args!("the backtrace of a panic"),
            &[
                ("at", &panicked.place),
                ("on", &panicked.thread),
                ("backtrace", &frames),
            ],
        );
        self.offer(line);
        self.panics.fetch_sub(1, Ordering::Release);
    }
}

/// The callers' end. The thread writes what is queued and ends when the last clone is gone.
pub(super) struct Front {
    shared: Arc<Shared>,
    thread: Thread,
}

impl Front {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses a thread (pthread_create(3)).
    pub(super) fn start(form: Form, lines_max: usize, sink: Sink) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: ArrayQueue::new(lines_max),
            queue_bytes: AtomicUsize::new(0),
            panics: AtomicUsize::new(0),
            spare: ArrayQueue::new(SPARE_BUFFERS_MAX),
            dropped: AtomicU64::new(0),
            written: AtomicU64::new(0),
            reopen: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let writer = Writer {
            shared: Arc::clone(&shared),
            sink,
            form,
            names: None,
            reported: 0,
            since: 0,
        };
        // The log may be there before the server, which blocks what it obeys.
        let builder = thread::Builder::new().name(THREAD_NAME.into());
        let join = without_signals(|| builder.spawn(move || writer.run()))??;
        Ok(Self {
            shared,
            thread: join.thread().clone(),
        })
    }

    /// An empty buffer to write a line in.
    pub(super) fn buffer(&self) -> String {
        self.shared.spare.pop().unwrap_or_default()
    }

    /// Queues `line`, or drops and counts it. Never waits.
    pub(super) fn offer(&self, line: String) {
        self.shared.offer(line);
        self.thread.unpark();
    }

    /// Queues a panic for the thread to name its frames, or drops and counts it. Never waits.
    pub(super) fn offer_panic(&self, panicked: Panicked) {
        let shared = &self.shared;
        let waiting = shared.panics.fetch_add(1, Ordering::Relaxed);
        let entry = Entry::Panic(panicked);
        if waiting >= PANICS_MAX || shared.queue.push(entry).is_err() {
            shared.panics.fetch_sub(1, Ordering::Relaxed);
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.thread.unpark();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    pub(super) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Waits until every line offered before and the backtrace of every panic are written; false when `within` is over first.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            let unnamed = self.shared.panics.load(Ordering::Acquire);
            if !self.flush_lines(deadline) {
                return false;
            }
            if unnamed == 0 {
                return true;
            }
            thread::sleep(RETRY);
        }
    }

    fn flush_lines(&self, deadline: Instant) -> bool {
        let left = || deadline.saturating_duration_since(Instant::now());
        let (done, wait) = sync_channel(1);
        let mut entry = Entry::Flush(done);
        while let Err(refused) = self.shared.queue.push(entry) {
            if left().is_zero() {
                return false;
            }
            entry = refused;
            thread::sleep(RETRY.min(left()));
        }
        self.thread.unpark();
        wait.recv_timeout(left()).is_ok()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Where lines go.
pub(super) struct Sink {
    out: Box<dyn Write + Send>,
    file: Option<PathBuf>,
    /// A write failed in the middle of a line, in this process or before it: the next one must not continue it.
    torn: bool,
    /// Whether it is the journal, which takes the priority of a line from its beginning.
    pub(super) is_journal: bool,
}

impl Sink {
    /// `file` is what a reopen opens; without it a reopen changes nothing.
    pub(super) fn new(out: Box<dyn Write + Send>, file: Option<PathBuf>) -> Self {
        Self {
            out,
            torn: file.as_deref().is_some_and(is_torn),
            file,
            is_journal: false,
        }
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        if self.torn {
            self.all(b"\n")?;
            self.torn = false;
        }
        self.all(line.as_bytes())
    }

    fn all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let whole = bytes.len();
        while !bytes.is_empty() {
            let error = match self.out.write(bytes) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(n) => {
                    bytes = &bytes[n..];
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Interrupted => {}
                // Whoever started us made the pipe non-blocking: it is full, as a stalled reader.
                ErrorKind::WouldBlock => thread::sleep(RETRY),
                _ => {
                    self.torn |= bytes.len() < whole;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

struct Writer {
    shared: Arc<Shared>,
    sink: Sink,
    form: Form,
    /// The way to the thread that names frames, from the first panic on.
    names: Option<Sender<Panicked>>,
    /// How many of the dropped lines a line has told of.
    reported: u64,
    /// Lines written since drops were last reported.
    since: usize,
}

impl Writer {
    fn run(mut self) {
        loop {
            if self.shared.reopen.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            // Read before the queue: what was offered before the close is then seen by the pop.
            let closed = self.shared.closed.load(Ordering::Acquire);
            let unnamed = self.shared.panics.load(Ordering::Acquire);
            match self.shared.queue.pop() {
                Some(Entry::Line(line)) => {
                    self.shared
                        .queue_bytes
                        .fetch_sub(line.len(), Ordering::Relaxed);
                    self.line(line);
                }
                Some(Entry::Panic(panicked)) => self.name(panicked),
                Some(Entry::Flush(done)) => {
                    self.report_drops();
                    // A log that cannot be written has nowhere to say so, and the one who waits may have given up.
                    let _ = self.sink.out.flush();
                    let _ = done.try_send(());
                }
                None => {
                    self.report_drops();
                    // A log that cannot be written has nowhere to say so.
                    let _ = self.sink.out.flush();
                    if closed && unnamed == 0 {
                        return;
                    }
                    thread::park();
                }
            }
        }
    }

    /// Has the frames of a panic named, which may take its time.
    fn name(&mut self, panicked: Panicked) {
        let names = match self.names.take() {
            Some(names) => Ok(names),
            None => self.start_names(),
        };
        // Without a thread for it this one has to.
        let refused = match names {
            Ok(names) => {
                let sent = names.send(panicked);
                self.names = Some(names);
                sent.err().map(|refused| refused.0)
            }
            Err(_) => Some(panicked),
        };
        if let Some(panicked) = refused {
            self.shared.backtrace(self.form, &panicked);
        }
    }

    /// Starts the thread that names frames. It ends with this one, which waits for what is under way.
    fn start_names(&self) -> io::Result<Sender<Panicked>> {
        let (names, panics) = channel();
        let (shared, form, writer) = (Arc::clone(&self.shared), self.form, thread::current());
        thread::Builder::new()
            .name(NAMES_THREAD_NAME.into())
            .spawn(move || {
                for panicked in panics {
                    shared.backtrace(form, &panicked);
                    writer.unpark();
                }
            })?;
        Ok(names)
    }

    fn line(&mut self, mut line: String) {
        let count = match self.sink.line(&line) {
            Ok(()) => &self.shared.written,
            // Nobody is left to tell but the next reader: ENOSPC, EPIPE and the like are drops.
            Err(_) => &self.shared.dropped,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if line.capacity() <= SPARE_BUFFER_BYTES_MAX {
            line.clear();
            // There are spare ones enough: this one is freed.
            let _ = self.shared.spare.push(line);
        }
        // Under lasting overload the queue never runs empty: report once a queueful, too.
        self.since += 1;
        if self.since >= self.shared.queue.capacity() {
            self.report_drops();
        }
    }

    fn report_drops(&mut self) {
        self.since = 0;
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        let news = dropped - self.reported;
        if news > 0
            && self
                .own_line(format_args!("dropped {news} log lines"))
                .is_ok()
        {
            self.reported = dropped;
        }
    }

    fn reopen(&mut self) {
        let Some(path) = &self.sink.file else { return };
        match super::file::open(path, None, super::OPTION) {
            Ok(file) => {
                self.sink.out = Box::new(file);
                self.sink.torn = is_torn(path);
            }
            Err(error) => {
                // The old file stays; a line in it says why, if it can be written.
                let _ = self.own_line(format_args!("{error}; the log stays in the old file"));
            }
        }
    }

    fn own_line(&mut self, message: std::fmt::Arguments<'_>) -> io::Result<()> {
        let mut line = String::new();
        Report {
            form: self.form,
            now: SystemTime::now(),
            level: tracing::Level::WARN,
            thread: THREAD_NAME,
        }
        .write(&mut line, message, &[]);
        self.sink.line(&line)
    }
}
