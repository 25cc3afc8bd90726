//! The fate of lines when the output stalls, fails, is rotated or let go: over real pipes,
//! files and a child process.

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use ringgate_runtime::sys::stack::Stack;
use tracing::dispatcher::WeakDispatch;
use tracing::info;
use tracing::subscriber::with_default;

use super::super::file::open;
use super::super::panics::Panicked;
use super::super::*;
use super::{Buffer, LONG};

/// A log that writes into a real pipe which nobody reads yet.
fn log_into_pipe(lines_max: usize) -> (Dispatch, LogHandle, PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let ours = writer.try_clone().unwrap();
    let sink = Sink::new(Box::new(writer), None);
    let (subscriber, handle) = assemble(&LogOptions::default(), lines_max, sink).unwrap();
    (Dispatch::new(subscriber), handle, reader, ours)
}

/// Logs numbered lines until the log drops; with a writer that blocks, only dropping ends this.
fn log_until_dropped(log: &Dispatch, handle: &LogHandle) -> u64 {
    let started = Instant::now();
    let mut logged = 0;
    tracing::dispatcher::with_default(log, || {
        while handle.dropped() < 100 {
            info!(number = logged, "line");
            logged += 1;
            assert!(started.elapsed() < LONG, "the pipe never filled up");
        }
    });
    logged
}

#[test]
fn a_stalled_reader_costs_lines_that_are_counted_and_told_but_never_time() {
    let (log, handle, reader, ours) = log_into_pipe(QUEUE_LINES_MAX);
    let logged = log_until_dropped(&log, &handle);
    let dropped = handle.dropped();

    // A flush of a stalled log gives up at its deadline.
    assert!(!handle.flush(Duration::from_millis(20)));

    // The reader comes back: everything that was queued arrives in order, then the count.
    drop(ours);
    let reading = std::thread::spawn(move || {
        BufReader::new(reader)
            .lines()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    });
    assert!(handle.flush(LONG));
    assert_eq!(handle.written() + dropped, logged);
    assert_eq!(handle.dropped(), dropped);
    drop((log, handle));

    let lines = reading.join().unwrap();
    let (reports, lines): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.contains("dropped"));
    assert_eq!(lines.len() as u64 + dropped, logged);
    let numbers: Vec<u64> = lines
        .iter()
        .map(|line| line.split_once("number=").unwrap().1.parse().unwrap())
        .collect();
    assert!(numbers.is_sorted(), "lines arrived out of order");
    let told: u64 = reports.iter().map(|line| reported(line)).sum();
    assert_eq!(told, dropped, "{reports:?}");
}

/// N of `... WARN  dropped N log lines`.
fn reported(line: &str) -> u64 {
    let (_, rest) = line.split_once(" WARN  dropped ").unwrap();
    rest.strip_suffix(" log lines").unwrap().parse().unwrap()
}

#[test]
fn lasting_overload_is_told_although_the_queue_never_runs_empty() {
    const LINES_MAX: usize = 8;
    /// Logs a queueful more during each of its first hundred writes.
    struct Refill(Buffer, Arc<OnceLock<WeakDispatch>>, u32, Sender<()>);
    impl Write for Refill {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.2 < 100 {
                self.2 += 1;
                let log = self.1.wait().upgrade().unwrap();
                tracing::dispatcher::with_default(&log, || {
                    (0..LINES_MAX).for_each(|n| info!(number = n, "line"));
                });
            }
            let written = self.0.write(bytes);
            if self.2 == 100 {
                let _ = self.3.send(());
            }
            written
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let (buffer, weak) = (Buffer::default(), Arc::new(OnceLock::new()));
    let (done, wait) = channel();
    let refill = Refill(buffer.clone(), Arc::clone(&weak), 0, done);
    let sink = Sink::new(Box::new(refill), None);
    let (subscriber, _handle) = assemble(&LogOptions::default(), LINES_MAX, sink).unwrap();
    let log = Dispatch::new(subscriber);
    weak.set(log.downgrade()).unwrap();
    tracing::dispatcher::with_default(&log, || info!("first"));
    wait.recv_timeout(LONG).unwrap();
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let first = text
        .lines()
        .position(|line| line.contains(" dropped "))
        .unwrap();
    assert_eq!(
        first, LINES_MAX,
        "a queueful of lines, then the report:\n{text}"
    );
}

#[test]
fn a_huge_line_counts_by_its_bytes() {
    let (log, handle, _reader, _ours) = log_into_pipe(QUEUE_LINES_MAX);
    let huge = "x".repeat(escape::VALUE_BYTES_MAX);
    let mut logged = 0_usize;
    tracing::dispatcher::with_default(&log, || {
        while handle.dropped() == 0 {
            info!(huge, "line");
            logged += 1;
        }
    });
    assert!(
        logged < QUEUE_LINES_MAX,
        "{logged} lines of 4 KiB were queued"
    );
}

#[test]
fn an_output_that_fails_costs_lines_but_neither_ends_the_log_nor_tears_the_next_line() {
    /// Takes three bytes, then has no space, then works.
    struct Full(Buffer, u32);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.1 {
                1 => self.0.write(&bytes[..3]),
                2 => Err(io::ErrorKind::StorageFull.into()),
                _ => self.0.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let buffer = Buffer::default();
    let sink = Box::new(Full(buffer.clone(), 0));
    let (subscriber, handle) = build(&LogOptions::default(), sink).unwrap();
    with_default(subscriber, || {
        info!("first");
        assert!(handle.flush(LONG));
        info!("second");
        assert!(handle.flush(LONG));
    });
    assert_eq!((handle.written(), handle.dropped()), (1, 1));
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text:?}");
    assert_eq!(lines[0].len(), 3);
    assert_eq!(reported(lines[1]), 1);
    assert!(lines[2].ends_with("INFO  second"));
}

#[test]
fn a_non_blocking_output_that_is_full_for_a_while_costs_nothing() {
    /// Is interrupted, then full, then takes a byte at a time.
    struct Slow(Buffer, u32);
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.1 {
                1 => Err(ErrorKind::Interrupted.into()),
                2..5 => Err(ErrorKind::WouldBlock.into()),
                _ => self.0.write(&bytes[..1]),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let buffer = Buffer::default();
    let slow = Box::new(Slow(buffer.clone(), 0));
    let (subscriber, handle) = build(&LogOptions::default(), slow).unwrap();
    with_default(subscriber, || info!("whole"));
    assert!(handle.flush(LONG));
    assert_eq!((handle.written(), handle.dropped()), (1, 0));
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    assert!(text.ends_with("INFO  whole\n"), "{text:?}");
}

#[test]
fn room_in_the_queue_comes_back_with_each_line_written() {
    let (subscriber, handle) = build(&LogOptions::default(), Box::new(io::sink())).unwrap();
    let long = "x".repeat(escape::VALUE_BYTES_MAX);
    with_default(subscriber, || {
        // Eight MiB in all, far more than may wait at once.
        for _ in 0..2048 {
            info!(long, "line");
            assert!(handle.flush(LONG));
        }
    });
    assert_eq!((handle.written(), handle.dropped()), (2048, 0));
}

#[test]
fn the_last_lines_are_written_when_the_log_is_let_go() {
    let (log, handle, mut reader, ours) = log_into_pipe(QUEUE_LINES_MAX);
    tracing::dispatcher::with_default(&log, || info!("last"));
    drop((log, handle, ours));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("INFO  last\n"), "{text:?}");
}

/// A directory of this test alone, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ringgate-log-{name}-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_rotated_file_is_left_and_the_name_opened_again() {
    let dir = Dir::new("rotate");
    let (path, rotated) = (dir.0.join("log"), dir.0.join("log.1"));
    let sink = Sink::new(
        Box::new(open(&path, None, "log_file").unwrap()),
        Some(path.clone()),
    );
    let (subscriber, handle) = assemble(&LogOptions::default(), 64, sink).unwrap();
    with_default(subscriber, || {
        info!("before");
        assert!(handle.flush(LONG));
        std::fs::rename(&path, &rotated).unwrap();
        handle.reopen();
        info!("after");
        assert!(handle.flush(LONG));

        // A name that cannot be opened: the log goes on where it is, and says so.
        std::fs::rename(&path, dir.0.join("log.2")).unwrap();
        std::fs::create_dir(&path).unwrap();
        handle.reopen();
        info!("still here");
        assert!(handle.flush(LONG));
    });
    assert!(
        std::fs::read_to_string(rotated)
            .unwrap()
            .ends_with("before\n")
    );
    let second = std::fs::read_to_string(dir.0.join("log.2")).unwrap();
    let lines: Vec<&str> = second.lines().collect();
    assert!(lines[0].ends_with("after"), "{second}");
    assert!(
        lines[1].contains("name a file; the log stays in the old file"),
        "{second}"
    );
    assert!(lines[2].ends_with("still here"), "{second}");
}

#[test]
fn a_log_file_that_cannot_be_opened_is_named_with_the_cure() {
    let dir = Dir::new("missing");
    let path = dir.0.join("no/log");
    let options = LogOptions {
        target: Target::File(path.clone()),
        ..LogOptions::default()
    };
    let error = init(options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(text.contains("make its directory first"), "{text}");
}

#[test]
fn an_existing_file_is_appended_to() {
    let dir = Dir::new("append");
    let path = dir.0.join("log");
    std::fs::write(&path, "old\n").unwrap();
    open(&path, None, "log_file")
        .unwrap()
        .write_all(b"new\n")
        .unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\nnew\n");
}

#[test]
fn ten_threads_lose_nothing_and_mix_nothing_below_the_limit() {
    let (log, handle, reader, ours) = log_into_pipe(QUEUE_LINES_MAX);
    drop(ours);
    let reading = std::thread::spawn(move || BufReader::new(reader).lines().count());
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let log = &log;
            scope.spawn(move || {
                tracing::dispatcher::with_default(log, || {
                    (0..100).for_each(|number| info!(thread, number, "line"));
                });
            });
        }
    });
    assert!(handle.flush(LONG));
    assert_eq!((handle.written(), handle.dropped()), (1000, 0));
    drop((log, handle));
    assert_eq!(reading.join().unwrap(), 1000);
}

/// An output whose first write waits for a word.
struct Held(Buffer, Option<std::sync::mpsc::Receiver<()>>);

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(word) = self.1.take() {
            word.recv_timeout(LONG).expect("the test says when");
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_go_before_the_names_of_frames_which_take_their_time() {
    let (buffer, (word, wait)) = (Buffer::default(), channel());
    let sink = Sink::new(Box::new(Held(buffer.clone(), Some(wait))), None);
    let (subscriber, handle) = assemble(&LogOptions::default(), QUEUE_LINES_MAX, sink).unwrap();
    with_default(subscriber, || {
        info!("before");
        for _ in 0..3 {
            handle.front.offer_panic(Panicked {
                at: SystemTime::now(),
                thread: "unlucky".to_owned(),
                place: "here".to_owned(),
                stack: Stack::here(),
            });
        }
        info!("behind");
        word.send(()).expect("the log waits");
        assert!(handle.flush(LONG));
    });
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let is_named = |line: &str| line.contains("the backtrace of a panic");
    let named: Vec<bool> = text.lines().map(is_named).collect();
    assert_eq!(named, [false, false, true, true, true], "{text}");
}

/// The test below runs itself again as a child with this set.
const CHILD: &str = "RINGGATE_TEST_LOG_CHILD";

#[test]
fn a_stalled_stderr_stops_neither_a_panicking_thread_nor_the_exit() {
    if std::env::var_os(CHILD).is_some() {
        return stalled_stderr_child();
    }
    let name = "observe::log::tests::output::a_stalled_stderr_stops_neither_a_panicking_thread_nor_the_exit";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The child's stdout ends when it does; its stderr is read only after that.
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(
        out.contains("child: flushed=false second=AlreadyExists"),
        "{out}"
    );
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    let first = log.lines().next().unwrap();
    assert!(
        first.contains("ERROR a thread panicked panic=\"first panic\" at=server/src/"),
        "{first}"
    );
    assert!(first.ends_with("on=unlucky"), "{first}");
    let is_log_line = |line: &str| line.contains(" ERROR ") || line.contains(" INFO ");
    assert!(log.lines().all(is_log_line), "{log}");
    let backtraces: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("ERROR the backtrace of a panic at=server/src/"))
        .collect();
    assert_eq!(
        backtraces.len(),
        1,
        "one line for the one that was read: {log}"
    );
    assert!(
        backtraces[0].contains(
            " on=unlucky backtrace=\"ringgate::observe::log::tests::output::stalled_stderr_child"
        ),
        "{log}"
    );
    assert!(!log.contains("core::panicking"), "{log}");
}

fn stalled_stderr_child() {
    let handle = init(LogOptions::default()).unwrap();
    let second = init(LogOptions::default()).unwrap_err().kind();
    panics_to_log(&handle);
    let panicking = |message: &'static str| {
        let thread = std::thread::Builder::new().name("unlucky".into());
        thread
            .spawn(move || panic!("{message}"))
            .unwrap()
            .join()
            .unwrap_err();
    };
    panicking("first panic");
    assert!(handle.flush(LONG));
    while handle.dropped() == 0 {
        info!("a line for nobody");
    }
    panicking("panic while nobody reads");
    let flushed = handle.flush(Duration::from_millis(20));
    println!("child: flushed={flushed} second={second:?}");
}

/// Keeps what /proc says of the thread that writes.
struct Asking(std::sync::Arc<std::sync::Mutex<String>>);

impl std::io::Write for Asking {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        *self.0.lock().unwrap() = std::fs::read_to_string("/proc/thread-self/status")?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_thread_of_a_log_that_is_there_before_the_server_blocks_what_a_server_obeys() {
    use ringgate_runtime::sys::signals::Signal;
    let said = std::sync::Arc::default();
    let asking = Box::new(Asking(std::sync::Arc::clone(&said)));
    let (subscriber, handle) = build(&LogOptions::default(), asking).unwrap();
    tracing::subscriber::with_default(subscriber, || tracing::info!("a line"));
    assert!(handle.flush(LONG));
    let status = said.lock().unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let blocked = u64::from_str_radix(bits.expect("a line").trim(), 16).unwrap();
    for signal in Signal::ALL {
        assert_ne!(blocked & 1 << (signal.number() - 1), 0, "{signal:?}");
    }
}
