//! Cores that cannot be started for a while: those that serve go on, everybody who asks hears of it, and
//! the pool is whole again as soon as it can be.

use crate::common::{Directory, Program, assert_balanced, eventually, read_some, ringgate, under};
use ringgate::runtime::sys::signals::Signal;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use std::fs::DirEntry;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

/// Limits a server's open files; more than these and it starts none.
fn limit_files(program: &Program, most: u64) {
    let pid = Pid::from_raw(program.pid() as i32).unwrap();
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(20_000),
    };
    prlimit(Some(pid), Resource::Nofile, limit).unwrap();
}

/// A limit under which a server can open just so many files more, beside those of /proc, which it reads and closes
/// at once.
fn room_for(program: &Program, files: usize) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap();
    let lasts = |entry: &DirEntry| {
        let file = std::fs::read_link(entry.path());
        file.is_ok_and(|file| !file.starts_with("/proc"))
    };
    let open: Vec<u64> = open
        .filter_map(|entry| entry.ok().filter(lasts)?.file_name().to_str()?.parse().ok())
        .collect();
    let mut free = (0..).filter(|number| !open.contains(number));
    free.nth(files).unwrap()
}

/// A limit under which nothing more is opened, not even with what a core that ends gives back.
const NONE_MORE: u64 = 3;

/// A connection to the control socket that was there before descriptors ran out.
struct Operator(BufReader<UnixStream>);

impl Operator {
    fn of(program: &Program) -> Operator {
        let stream = UnixStream::connect(program.control()).unwrap();
        Operator(BufReader::new(stream))
    }

    /// Gives an order and waits for the answer.
    fn order(&mut self, text: &str) -> String {
        writeln!(self.0.get_mut(), "{text}").unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        answer
    }
}

/// The body of an answer on a connection that stays open.
#[track_caller]
fn asked(stream: &mut TcpStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut buffer = [0; 4096];
    let count = read_some(stream, &mut buffer);
    let text = String::from_utf8_lossy(&buffer[..count]);
    text.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

#[track_caller]
fn whole(program: &Program, cores: u64) -> Value {
    let pool = eventually("a whole pool", || {
        let status = program.status();
        let pool = &status["pool"];
        (pool["running"] == cores && pool["degraded"].is_null()).then(|| pool.clone())
    });
    assert_eq!(pool["target"], cores);
    pool
}

#[test]
fn a_core_without_a_descriptor_is_started_as_soon_as_there_is_one_and_all_who_ask_hear_of_it() {
    let directory = Directory::new();
    let path = directory.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut command = ringgate();
    command.env("NOTIFY_SOCKET", &path);
    let mut program = Program::spawn(command, directory, &["--core-slots", "2"], true);
    program.wait_listening();
    let mut kept = program.connect();
    assert_eq!(asked(&mut kept, "/readyz"), "ok\n");
    limit_files(&program, room_for(&program, 1));

    let resized = program.ctl(&["resize", "2", "--wait"]);
    let said = String::from_utf8(resized.stderr).unwrap();
    assert!(!resized.status.success(), "{said}");
    for says in [
        "degraded: 1 of 2 cores",
        "RLIMIT_NOFILE",
        "LimitNOFILE=",
        "stays 2",
    ] {
        assert!(said.contains(says), "{says:?} is not in {said}");
    }
    program.wait_line("a core could not be started");
    assert_eq!(asked(&mut kept, "/readyz"), "degraded: 1 of 2 cores\n");
    let pool = program.status()["pool"].clone();
    assert_eq!((&pool["target"], &pool["running"]), (&2.into(), &1.into()));
    let degraded = pool["degraded"].as_str().unwrap();
    assert!(
        degraded.starts_with("degraded: 1 of 2 cores: "),
        "{degraded}"
    );
    let text = String::from_utf8(program.ctl(&["status"]).stdout).unwrap();
    assert!(text.contains(degraded), "{text}");

    limit_files(&program, 20_000);
    whole(&program, 2);
    program.wait_line("every core serves again");
    assert_eq!(asked(&mut kept, "/readyz"), "ok\n");
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let hears = |text: &str| {
        let mut buffer = [0; 1024];
        loop {
            let count = manager.recv(&mut buffer).expect(text);
            if buffer[..count] == *text.as_bytes() {
                return;
            }
        }
    };
    hears("STATUS=Serving, degraded: 1 of 2 cores");
    hears("STATUS=Serving");
    assert_balanced(&program.status());
}

#[test]
fn a_killed_core_whose_replacement_cannot_be_started_comes_back() {
    let mut program = Program::start(&["--cores", "2"]);
    let mut operator = Operator::of(&program);
    operator.order("status");
    limit_files(&program, NONE_MORE);
    operator.order("core 1 kill");
    program.wait_line("a core could not be started");
    limit_files(&program, 20_000);
    whole(&program, 2);
}

#[test]
fn a_server_whose_only_core_cannot_be_started_again_lives_on() {
    let mut program = Program::start(&[]);
    let mut operator = Operator::of(&program);
    operator.order("status");
    limit_files(&program, NONE_MORE);
    operator.order("core 0 kill");
    program.wait_line("a core could not be started");
    let status: Value = serde_json::from_str(&operator.order("status")).unwrap();
    assert_eq!(status["pool"]["running"], 0, "{status:#}");
    assert_eq!(status["pool"]["target"], 1, "{status:#}");
    // Who comes now waits in the kernel's queue.
    let mut early = program.connect();
    limit_files(&program, 20_000);
    assert_eq!(asked(&mut early, "/healthz"), "ok\n");
    whole(&program, 1);
}

#[test]
fn cores_that_are_worn_serve_until_their_replacements_can_be_started() {
    let mut program = Program::start(&["--cores", "2", "--core-age", "300ms"]);
    limit_files(&program, room_for(&program, 1));
    program.wait_line("a core could not be started");
    // Rounds of failed starts pass.
    let until = Instant::now() + Duration::from_secs(1);
    eventually("a while in which both serve", || {
        let status = program.status();
        let serving = status["cores"].as_array().unwrap().iter();
        let serving =
            serving.filter(|core| core["state"] == "running" || core["state"] == "expiring");
        assert_eq!(serving.count(), 2, "{status:#}");
        assert_eq!(status["pool"]["degraded"], Value::Null, "both serve");
        (Instant::now() >= until).then_some(())
    });
    limit_files(&program, 20_000);
    program.wait_line("every core serves again");
    assert_eq!(program.status()["pool"]["target"], 2);
}

#[test]
fn a_server_starts_with_the_cores_that_it_gets() {
    let arguments = ["--cores", "2", "--core-slots", "2"];
    let probe = Program::start(&arguments);
    // One less than both cores need.
    let most = room_for(&probe, 0) - 1;
    drop(probe);
    let limit = format!("--nofile={most}:{most}");
    let program = Program::start_under(&["prlimit", &limit], &arguments);
    let pool = program.status()["pool"].clone();
    assert_eq!((&pool["target"], &pool["running"]), (&2.into(), &1.into()));
    assert!(pool["degraded"].is_string());
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
}

#[test]
fn a_server_that_gets_no_core_at_all_does_not_start_and_says_why() {
    let slots = ["--core-slots", "1"];
    let probe = Program::start(&slots);
    let most = room_for(&probe, 0) - 1;
    drop(probe);
    let soft = format!("--nofile={most}:{most}");
    let mut program = Program::spawn(under(&["prlimit", &soft]), Directory::new(), &slots, true);
    program.wait_line("RLIMIT_NOFILE");
    assert_eq!(program.exit_code(), Some(1));
}

#[test]
fn a_core_that_is_added_by_signal_while_no_descriptor_is_free_comes_later() {
    let mut program = Program::start(&["--core-slots", "2"]);
    limit_files(&program, room_for(&program, 0));
    program.signal(Signal::Ttin);
    program.wait_line("a core could not be started");
    limit_files(&program, 20_000);
    whole(&program, 2);
}

#[test]
fn a_drain_tries_again_until_the_core_that_those_who_wait_need_can_be_started() {
    let mut program = Program::start(&[]);
    let mut operator = Operator::of(&program);
    operator.order("resize 0 wait");
    let mut waiting = program.connect();
    limit_files(&program, NONE_MORE);
    operator.order("drain");
    program.wait_line("a core could not be started");
    limit_files(&program, 20_000);
    assert_eq!(asked(&mut waiting, "/healthz"), "ok\n");
    assert_eq!(program.exit_code(), Some(0));
}
