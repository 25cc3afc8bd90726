//! A server of puppies in this process, and a client that reads answers as they come.

use puppies::database::Source;
use ringgate::config::{AdmissionLimits, Config, ControlPath, CoreSpec, LogLevel, MaxAccepts};
use ringgate::lane::{Lane, WorkerOptions};
use ringgate::{Running, Status};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    }
}

/// A directory that is removed at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("puppies-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a directory for the test");
        Directory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn workers(min: u32, max: u32) -> WorkerOptions {
    Lane::workers(min..=max)
        .queue_limit(16)
        .retry(Duration::from_millis(20), Duration::from_millis(200))
}

pub(crate) struct Server {
    running: Option<Running>,
    address: SocketAddr,
    _directory: Directory,
}

/// A server on `cores` cores; without a source its database is a file of SQLite.
pub(crate) fn start(cores: u32, source: Option<Source>, workers: WorkerOptions) -> Server {
    start_with_slots(cores, None, source, workers)
}

/// As `start`, with a limit of requests that run at once.
pub(crate) fn start_with_slots(
    cores: u32,
    slots: Option<u32>,
    source: Option<Source>,
    workers: WorkerOptions,
) -> Server {
    let directory = Directory::new();
    let file = directory.path().join("puppies.db");
    let mut config = Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        cores: CoreSpec::Exactly(NonZeroU32::new(cores).expect("some")),
        control: ControlPath::Off,
        ..Config::default()
    };
    config.log.level = LogLevel::Off;
    let slots = slots.and_then(NonZeroU32::new);
    config.admission = AdmissionLimits::new(slots, MaxAccepts::None).expect("consistent");
    let source = source.unwrap_or(Source::Sqlite(file));
    let server = puppies::server(config, source, workers);
    let running = server.start().unwrap_or_else(|error| panic!("{error}"));
    let address = running.handle().addresses()[0].parse().expect("of TCP");
    Server {
        running: Some(running),
        address,
        _directory: directory,
    }
}

impl Server {
    pub(crate) fn status(&self) -> Status {
        let running = self.running.as_ref().expect("it runs");
        running.handle().wait_status().expect("it runs")
    }

    /// Requests that are not answered yet.
    pub(crate) fn requests_running(&self) -> u64 {
        self.status().totals.requests.running
    }

    pub(crate) fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let length = match method {
            "POST" => format!("Content-Length: {}\r\n", body.len()),
            _ => String::new(),
        };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: t\r\n{length}{fields}\r\n{body}");
        (&stream).write_all(head.as_bytes()).expect("sent");
        Answer(BufReader::new(stream))
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String, String) {
        self.ask("GET", path, "", "").whole()
    }

    pub(crate) fn publish(&self, data: &str) -> String {
        let (status, _, body) = self.ask("POST", "/events", "", data).whole();
        assert_eq!(status, 200, "{body}");
        body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.handle().stop();
            let ended = running.join();
            assert!(std::thread::panicking() || ended.failed.is_none());
        }
    }
}

/// An answer that is on its way.
pub(crate) struct Answer(BufReader<TcpStream>);

impl Answer {
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line in time");
        line.truncate(line.trim_end().len());
        line
    }

    /// Status and head.
    #[track_caller]
    pub(crate) fn head(&mut self) -> (u16, String) {
        let first = self.line();
        let status = first.get(9..12).and_then(|status| status.parse().ok());
        let mut head = String::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            head += &line.to_ascii_lowercase();
            head.push('\n');
        }
        (status.unwrap_or_else(|| panic!("{first:?}")), head)
    }

    #[track_caller]
    pub(crate) fn whole(mut self) -> (u16, String, String) {
        let (status, head) = self.head();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        (status, head, String::from_utf8(body).expect("text"))
    }

    /// One chunk of a stream.
    #[track_caller]
    pub(crate) fn chunk(&mut self) -> String {
        let size = usize::from_str_radix(&self.line(), 16).expect("the size of a chunk");
        let mut chunk = vec![0; size + 2];
        self.0.read_exact(&mut chunk).expect("a chunk");
        chunk.truncate(size);
        String::from_utf8(chunk).expect("text")
    }
}
