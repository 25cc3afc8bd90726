//! The access log as cores and operators meet it: batches, a stalled output, rotation, sockets.

use super::*;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(20);

/// A request that says everything.
pub(super) fn record() -> Record<'static> {
    static TIME: LazyLock<Stamp> = LazyLock::new(|| Stamp::new(784_111_777));
    Record {
        time: &TIME,
        millis: 42,
        remote: "192.0.2.7",
        port: 4711,
        line: RequestLine::Parsed {
            method: b"GET",
            target: b"/a?b=c",
            protocol: "HTTP/1.1",
        },
        host: Some(b"example.com"),
        referer: Some(b"http://example.com/"),
        user_agent: Some(b"Mozilla/5.0 (X11)"),
        status: 200,
        bytes: 2326,
        first_byte: Some(Duration::from_micros(250)),
        duration: Duration::from_millis(1500),
        queue: Duration::from_millis(250),
        core: 3,
        connection: 99,
        request: 2,
        stream: None,
        id: Some(b"Root=1-67891233-abc"),
        tls: Some(("TLSv1.3", "TLS13_AES_128_GCM_SHA256")),
        route: Some("GET /a"),
        reason: None,
        aborted: false,
    }
}

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("ringgate-access-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn log(target: config::AccessTarget) -> AccessLog {
    let config = config::AccessLog {
        target,
        ..config::AccessLog::default()
    };
    let opened = AccessLog::open(&config, 1, None);
    opened.expect("it opens").expect("there is one")
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2)); // between two looks
    }
}

fn say(outlet: &mut Outlet, text: &str) -> bool {
    outlet.line(|out| out.extend_from_slice(text.as_bytes()))
}

/// Says it, however long the writer takes to make room: no core would.
fn say_in_the_end(outlet: &mut Outlet, text: &str) {
    while !say(outlet, text) {
        std::thread::yield_now();
    }
}

#[test]
fn lines_of_a_core_stand_in_the_file_in_their_order() {
    let folder = Folder::new("order");
    let path = folder.path("access.log");
    let log = log(config::AccessTarget::File(path.clone()));
    let mut outlet = log.outlet();
    let mut expected = String::new();
    for number in 0..10_000 {
        let line = format!("line {number}");
        say_in_the_end(&mut outlet, &line);
        expected.push_str(&line);
        expected.push('\n');
    }
    drop(outlet);
    log.finish(PATIENCE);
    assert!(fs::read_to_string(&path).expect("a file") == expected);
    assert!(log.written() == 10_000);
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_no_core_and_what_is_dropped_is_counted() {
    let folder = Folder::new("pipe");
    let path = folder.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo runs").success());
    let log = log(config::AccessTarget::File(path.clone()));
    let mut outlet = log.outlet();
    let line = "x".repeat(999);
    let mut said: u64 = 0;
    // The pipe, the queue and the batch have less room than this.
    while log.dropped() < 100 {
        said += 1;
        say(&mut outlet, &line);
        assert!(said < 20_000, "more is kept than there is room for");
    }
    let mut reader = fs::File::open(&path).expect("the pipe opens");
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("it is read");
        bytes
    });
    let kept = said - log.dropped();
    wait_until("the rest is handed over", || outlet.hand_over());
    wait_until("all that was kept is written", || log.written() == kept);
    drop(outlet);
    log.finish(PATIENCE);
    // The writer's end of the pipe is closed, so that the reader comes to the end.
    let bytes = reading.join().expect("a reader");
    assert_eq!(bytes.len() as u64, kept * 1000);
    assert!(bytes.chunks(1000).all(|line| line.ends_with(b"x\n")));
}

/// A log whose pipe nobody has read, and how many lines were said until the first one was dropped: numbers, of 1,000 bytes
/// each.
fn into_full_pipe(path: &Path) -> (AccessLog, Outlet, u64) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
    let log = log(config::AccessTarget::File(path.to_owned()));
    let mut outlet = log.outlet();
    let mut said: u64 = 0;
    while log.dropped() == 0 {
        say(&mut outlet, &format!("{said:0999}"));
        said += 1;
        assert!(said < 20_000, "more is kept than there is room for");
    }
    (log, outlet, said)
}

#[test]
fn a_pipe_that_nobody_reads_any_more_gives_way_to_a_new_file_and_its_lines_go_there() {
    let folder = Folder::new("stalled");
    let (path, old) = (folder.path("pipe"), folder.path("old"));
    let (log, mut outlet, said) = into_full_pipe(&path);
    let dropped = log.dropped();
    // Nobody reads it, but its lines are there for as long as it is open.
    let in_pipe = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(&path);
    let mut in_pipe = in_pipe.expect("the pipe opens");
    fs::rename(&path, &old).expect("renamed");
    log.reopen();
    wait_until("the rest is handed over", || outlet.hand_over());
    let kept = said - dropped;
    wait_until("all that was kept is written", || log.written() == kept);
    assert_eq!(log.dropped(), dropped, "no other line is lost");
    drop(outlet);
    log.finish(PATIENCE);
    let mut bytes = vec![0; 1 << 20];
    let mut read = 0;
    while let Ok(count) = in_pipe.read(&mut bytes[read..]) {
        read += count;
    }
    bytes.truncate(read);
    bytes.extend(fs::read(&path).expect("a file"));
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len() as u64, kept);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("{number:0999}\n").as_bytes());
    }
}

#[test]
fn a_pipe_that_is_full_goes_on_where_it_was_if_it_is_opened_again_itself() {
    let folder = Folder::new("stalled-same");
    let path = folder.path("pipe");
    let (log, mut outlet, said) = into_full_pipe(&path);
    let kept = said - log.dropped();
    let before = log.written();
    log.reopen();
    let mut reader = fs::File::open(&path).expect("the pipe opens");
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("it is read");
        bytes
    });
    wait_until("the rest is handed over", || outlet.hand_over());
    wait_until("all that was kept is written", || log.written() == kept);
    assert!(before < kept);
    drop(outlet);
    log.finish(PATIENCE);
    let bytes = reading.join().expect("a reader");
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    for (number, line) in lines.enumerate() {
        assert_eq!(line, format!("{number:0999}\n").as_bytes());
    }
    assert_eq!(bytes.len() as u64, kept * 1000);
}

#[test]
fn lines_go_to_the_new_file_once_it_is_opened_again() {
    let folder = Folder::new("rotation");
    let (path, old) = (folder.path("access.log"), folder.path("access.log.1"));
    let log = log(config::AccessTarget::File(path.clone()));
    let mut outlet = log.outlet();
    say(&mut outlet, "before");
    assert!(outlet.hand_over());
    wait_until("it is written", || log.written() == 1);
    fs::rename(&path, &old).expect("renamed");
    log.reopen();
    wait_until("a new file", || path.exists());
    say(&mut outlet, "after");
    drop(outlet);
    log.finish(PATIENCE);
    assert_eq!(fs::read_to_string(&old).expect("the old one"), "before\n");
    assert_eq!(fs::read_to_string(&path).expect("the new one"), "after\n");
}

#[test]
fn syslog_gets_each_line_as_a_datagram_also_from_a_daemon_that_was_started_anew() {
    let folder = Folder::new("syslog");
    let path = folder.path("log");
    let daemon = UnixDatagram::bind(&path).expect("bound");
    let log = log(config::AccessTarget::Syslog(path.clone()));
    let mut outlet = log.outlet();
    let received = |daemon: &UnixDatagram| {
        daemon.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut room = [0; 200];
        let count = daemon.recv(&mut room).expect("a datagram");
        String::from_utf8_lossy(&room[..count]).into_owned()
    };
    say(&mut outlet, "one");
    say(&mut outlet, "two");
    assert!(outlet.hand_over());
    let line = received(&daemon);
    let pid = std::process::id();
    assert!(
        line.starts_with("<190>") && line.ends_with(&format!("[{pid}]: one")),
        "{line}"
    );
    assert!(received(&daemon).ends_with(": two"));
    drop(daemon);
    fs::remove_file(&path).expect("removed");
    let daemon = UnixDatagram::bind(&path).expect("bound again");
    say(&mut outlet, "three");
    drop(outlet);
    assert!(received(&daemon).ends_with(": three"));
    log.finish(PATIENCE);
}

#[test]
fn a_target_that_cannot_be_had_is_named_with_the_cure() {
    let open = |target| {
        let config = config::AccessLog {
            target,
            ..config::AccessLog::default()
        };
        AccessLog::open(&config, 1, None)
            .err()
            .expect("refused")
            .to_string()
    };
    let error = open(config::AccessTarget::File("/nowhere/access.log".into()));
    assert!(error.contains("/nowhere/access.log") && error.ends_with("make its directory first"));
    let error = open(config::AccessTarget::Syslog("/nowhere/log".into()));
    assert!(
        error.contains("/nowhere/log") && error.contains("start the daemon"),
        "{error}"
    );
}
