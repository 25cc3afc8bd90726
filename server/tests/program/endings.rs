//! Signals, drains, and the exit codes they lead to.

use crate::common::{Directory, Program, eventually, ringgate};
use ringgate::runtime::sys::signals::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A connection with a request that sleeps.
fn sleeper(program: &Program, ms: u32) -> TcpStream {
    let mut stream = program.connect();
    write!(stream, "GET /sleep?ms={ms} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    eventually("a running request", || {
        (program.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    stream
}

#[test]
fn m1_int_and_term_stop_with_exit_code_0() {
    for signal in [Signal::Int, Signal::Term] {
        let mut program = Program::start(&[]);
        let _open = sleeper(&program, 60_000);
        program.signal(signal);
        assert_eq!(program.exit_code(), Some(0));
        program.wait_line("connections accepted=1");
        program.wait_line("requests begun=1");
    }
}

/// Whether a process has blocked this signal, which its server then takes when it is ready to.
fn has_blocked(pid: u32, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Whether a process has a thread of this name.
pub(crate) fn has_thread(pid: u32, name: &str) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let mut names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.any(|found| found.trim() == name)
}

#[test]
fn a_signal_that_comes_while_the_server_starts_ends_it_with_exit_code_0() {
    // signal(7): the numbers of INT, QUIT and TERM.
    for (signal, number) in [(Signal::Int, 2), (Signal::Quit, 3), (Signal::Term, 15)] {
        let args = ["--cores", "8"];
        let mut program = Program::spawn(ringgate(), Directory::new(), &args, true);
        let pid = program.pid();
        eventually("a program that takes signals", || {
            has_blocked(pid, number).then_some(())
        });
        program.signal(signal);
        assert_eq!(program.exit_code(), Some(0), "{:#?}", program.seen);
    }
}

/// The signals that end a server, with their numbers (signal(7)).
const ENDING: [(Signal, u32); 3] = [(Signal::Int, 2), (Signal::Quit, 3), (Signal::Term, 15)];

#[test]
fn a_signal_that_comes_while_an_address_is_waited_for_ends_the_start_and_leaves_no_file() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("an address").to_string();
    for (signal, _) in ENDING {
        let directory = Directory::new();
        let path = |name: &str| directory.path(name).to_str().expect("UTF-8").to_owned();
        let (pid_file, socket) = (path("pid"), path("s"));
        let unix = format!("unix:{socket}");
        let args = [
            "--pid-file",
            &pid_file,
            "--listen",
            &unix,
            "--listen",
            &taken,
        ];
        let mut program = Program::spawn(ringgate(), directory, &args, true);
        program.wait_line("the address is taken; trying for 5 s");
        program.signal(signal);
        program.wait_line("told to end while it started");
        assert_eq!(program.exit_code(), Some(0), "{:#?}", program.seen);
        for file in [&pid_file, &socket] {
            assert!(!std::path::Path::new(file).exists(), "{file}");
        }
    }
    drop(holder);
}

/// A directory with a page of errors that nobody ever writes: whoever reads it is held up.
fn endless_page() -> Directory {
    let directory = Directory::new();
    let page = directory.path("404.html");
    let made = std::process::Command::new("mkfifo").arg(&page).status();
    assert!(made.expect("mkfifo(1)").success());
    directory
}

#[test]
fn a_signal_ends_a_program_that_is_held_up_while_it_makes_its_server() {
    for (signal, number) in ENDING {
        let pages = endless_page();
        let pages_at = pages.path(".").to_str().expect("UTF-8").to_owned();
        let args = ["--error-pages", pages_at.as_str()];
        let mut program = Program::spawn(ringgate(), Directory::new(), &args, true);
        let pid = program.pid();
        eventually("a thread that hears signals", || {
            has_thread(pid, "rg-start").then_some(())
        });
        assert!(has_blocked(pid, number));
        program.signal(signal);
        program.wait_line("told to end while it started");
        assert_eq!(program.exit_code(), Some(0), "{:#?}", program.seen);
    }
}

#[test]
fn m1_quit_drains_what_was_begun_and_exits_with_0() {
    let mut program = Program::start(&["--graceful-timeout", "20s"]);
    let mut stream = sleeper(&program, 1500);
    program.signal(Signal::Quit);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("slept 1500 ms\n"), "{answer}");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn a_drain_that_had_to_cut_exits_with_3() {
    let mut program = Program::start(&["--graceful-timeout", "200ms"]);
    let _cut = sleeper(&program, 60_000);
    program.signal(Signal::Quit);
    assert_eq!(program.exit_code(), Some(3));
    program.wait_line("had to cut");
}

#[test]
fn m1_term_drains_where_it_is_configured_so_and_a_second_one_stops() {
    let mut program = Program::start(&["--on-term", "drain", "--graceful-timeout", "60s"]);
    let _cut = sleeper(&program, 60_000);
    program.signal(Signal::Term);
    program.wait_line("draining");
    assert_eq!(program.status()["phase"], "draining");
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(3));
}

#[test]
fn ctl_drain_ends_an_idle_server_with_0() {
    let mut program = Program::start(&[]);
    assert!(program.ctl(&["drain"]).status.success());
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn m2_ttin_and_ttou_change_the_number_of_cores_and_the_last_one_stays() {
    let mut program = Program::start(&["--core-slots", "2"]);
    let cores = |program: &Program| program.status()["cores"].as_array().unwrap().len();
    program.signal(Signal::Ttin);
    eventually("two cores", || (cores(&program) == 2).then_some(()));
    program.signal(Signal::Ttou);
    eventually("one core", || (cores(&program) == 1).then_some(()));
    program.signal(Signal::Ttou);
    program.wait_line("the last core stays");
    assert_eq!(cores(&program), 1);
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
}

#[test]
fn readyz_says_no_while_draining() {
    let mut program = Program::start(&["--graceful-timeout", "60s"]);
    let _busy = sleeper(&program, 60_000);
    // An idle connection of a draining server is good for one more answer.
    let mut stream = program.connect();
    let mut ask = |status: &[u8]| {
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, status);
        let mut rest = [0; 1024];
        assert!(stream.read(&mut rest).unwrap() > 0);
    };
    ask(b"HTTP/1.1 200");
    program.signal(Signal::Quit);
    program.wait_line("draining");
    ask(b"HTTP/1.1 503");
    program.signal(Signal::Int);
    assert_eq!(program.exit_code(), Some(3));
}

#[test]
fn a_drain_goes_on_accepting_for_its_grace() {
    let mut program = Program::start(&["--drain-grace", "2s"]);
    program.signal(Signal::Quit);
    program.wait_line("draining");
    // A balancer that has not heard of it yet connects all the same.
    let answer = program.get("/plaintext");
    assert!(answer.ends_with("Hello, World!"));
    assert!(program.get("/readyz").starts_with("HTTP/1.1 503"));
    assert_eq!(program.exit_code(), Some(0));
}
