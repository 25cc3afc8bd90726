//! A running program and what the tests do with it.

use ringgate::runtime::sys::signals::{Signal, send_signal};
use serde_json::Value;
use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long anything may take; generous, for machines that are busy or emulated.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How often a condition is looked at that nothing announces.
const GLANCE: Duration = Duration::from_millis(5);

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_ringgate");

/// Becomes a user without any privilege, which root can (setpriv(1)).
pub(crate) const NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// Waits until `condition` gives something.
#[track_caller]
pub(crate) fn eventually<T>(what: impl Debug, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what:?}");
        std::thread::sleep(GLANCE);
    }
}

/// A directory that is removed at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringgate-program-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory for the test");
        Directory(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The binary, without what this process's environment would tell it.
pub(crate) fn ringgate() -> Command {
    under(&[])
}

/// The binary run by another program, such as prlimit(1).
pub(crate) fn under(wrapper: &[&str]) -> Command {
    let mut words = wrapper.iter().copied().chain([BINARY]);
    let mut command = Command::new(words.next().unwrap_or(BINARY));
    command.args(words).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RINGGATE_") {
            command.env_remove(name);
        }
    }
    command
}

/// A server, killed at the end if it still runs.
pub(crate) struct Program {
    child: Child,
    lines: Option<Receiver<String>>,
    pub(crate) seen: Vec<String>,
    pub(crate) directory: Directory,
    pub(crate) address: String,
}

impl Program {
    /// Starts a server and waits until it says where it listens.
    pub(crate) fn start(args: &[&str]) -> Program {
        Program::start_under(&[], args)
    }

    pub(crate) fn start_under(wrapper: &[&str], args: &[&str]) -> Program {
        let mut program = Program::spawn(under(wrapper), Directory::new(), args, true);
        program.wait_listening();
        program
    }

    /// Waits until it says where it listens.
    #[track_caller]
    pub(crate) fn wait_listening(&mut self) {
        let line = self.wait_line("listening on http://");
        self.address = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .expect("an address in the first line")
            .to_owned();
    }

    /// Starts a server on one core and waits for nothing; with `read` its standard error is read.
    /// What `args` say goes over what a test usually wants.
    pub(crate) fn spawn(
        mut command: Command,
        directory: Directory,
        args: &[&str],
        read: bool,
    ) -> Program {
        let control = directory.path("control.sock");
        let control = control.to_str().expect("a path in UTF-8");
        for (flag, value) in [
            ("--listen", "127.0.0.1:0"),
            ("--cores", "1"),
            ("--control", control),
        ] {
            if !args.contains(&flag) {
                command.args([flag, value]);
            }
        }
        command.args(args);
        Program::spawn_as_is(command, directory, read)
    }

    /// Starts exactly this.
    pub(crate) fn spawn_as_is(mut command: Command, directory: Directory, read: bool) -> Program {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = read.then(|| {
            let stderr = child.stderr.take().expect("piped");
            let (sender, lines) = channel();
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
            lines
        });
        Program {
            child,
            lines,
            seen: Vec::new(),
            directory,
            address: String::new(),
        }
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.directory.path("control.sock")
    }

    /// The next line of standard error that has `text` in it.
    #[track_caller]
    pub(crate) fn wait_line(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let lines = self.lines.as_ref().expect("standard error is read");
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {text:?} among {:#?}", self.seen)
                }
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All further lines of standard error, to its end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let lines = self.lines.as_ref().expect("standard error is read");
        lines.iter().collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(self.child.id(), signal).expect("our child");
    }

    /// Waits for the end and answers the exit code.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let status: ExitStatus = eventually("the end of the server", || {
            self.child.try_wait().expect("our child")
        });
        status.code()
    }

    #[track_caller]
    pub(crate) fn ctl(&self, args: &[&str]) -> Output {
        ctl(&self.control(), args)
    }

    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let output = self.ctl(&["status", "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.address)
    }

    /// One GET on a connection of its own: the whole answer.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> String {
        get(&self.address, path)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn ctl(control: &Path, args: &[&str]) -> Output {
    let mut command = ringgate();
    command.arg("ctl").arg("--control").arg(control).args(args);
    command.output().expect("the binary runs")
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

#[track_caller]
pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Reads what has come. A socket with a time limit is interrupted whenever this process is stopped
/// and goes on, also without a signal handler (signal(7)), and [`Read::read`] says so.
#[track_caller]
pub(crate) fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read.expect("an answer in time"),
        }
    }
}

/// Reads until `count` bodies of `/plaintext` have come.
#[track_caller]
pub(crate) fn read_greetings(stream: &mut TcpStream, count: usize) {
    let greeting = b"\r\n\r\nHello, World!";
    let mut read = Vec::new();
    let mut buffer = [0; 16 << 10];
    let found = |bytes: &[u8]| {
        let windows = bytes.windows(greeting.len());
        windows.filter(|window| window == greeting).count()
    };
    while found(&read) < count {
        let bytes = read_some(stream, &mut buffer);
        assert!(bytes > 0, "ended after {} of {count}", found(&read));
        read.extend_from_slice(&buffer[..bytes]);
    }
    assert_eq!(found(&read), count);
}

/// Whether the ledgers of a status balance, in sum and of each core.
#[track_caller]
pub(crate) fn assert_balanced(status: &Value) {
    let number = |value: &Value| match value {
        Value::Object(by_reason) => by_reason.values().filter_map(Value::as_u64).sum(),
        other => other.as_u64().expect("a count"),
    };
    let sum =
        |of: &Value, names: &[&str]| -> u64 { names.iter().map(|name| number(&of[*name])).sum() };
    let connections = &status["totals"]["connections"];
    assert_eq!(
        sum(connections, &["accepted", "inherited"]),
        sum(
            connections,
            &[
                "finished",
                "rejected",
                "aborted",
                "open",
                "in_transit",
                "passed_on"
            ]
        ),
        "{status:#}"
    );
    let cores = status["cores"].as_array().expect("a list");
    for core in cores {
        let connections = &core["connections"];
        assert_eq!(
            sum(connections, &["accepted", "handed_in"]),
            sum(
                connections,
                &["finished", "rejected", "aborted", "open", "handed_out"]
            ),
            "{status:#}"
        );
    }
    let ledgers = cores.iter().map(|core| &core["requests"]);
    for requests in ledgers.chain([&status["totals"]["requests"]]) {
        assert_eq!(
            sum(requests, &["begun"]),
            sum(
                requests,
                &["answered", "rejected", "aborted", "running", "pending"]
            ),
            "{status:#}"
        );
    }
}
