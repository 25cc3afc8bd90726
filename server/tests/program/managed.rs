//! The process under a service manager, with a socket to be told over and sockets to pass.

use crate::common::{BINARY, Directory, Program, get, ringgate};
use crate::upgrade::{Lineage, ask};
use ringgate::runtime::sys::signals::Signal;
use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

/// A service manager that only listens.
struct Manager(UnixDatagram);

impl Manager {
    fn new(directory: &Directory) -> (Manager, String) {
        let path = directory.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        (Manager(socket), path.to_str().unwrap().to_owned())
    }

    /// The next message with this in it, as lines.
    #[track_caller]
    fn hears(&self, text: &str) -> Vec<String> {
        loop {
            let mut message = [0; 4096];
            let count = self
                .0
                .recv(&mut message)
                .unwrap_or_else(|_| panic!("no {text}"));
            let message = std::str::from_utf8(&message[..count]).unwrap();
            let lines: Vec<String> = message.lines().map(str::to_owned).collect();
            if lines.iter().any(|line| line.starts_with(text)) {
                return lines;
            }
            assert!(
                text.starts_with("STOPPING") || !message.contains("STOPPING"),
                "{message}"
            );
        }
    }
}

/// Sends to a manager until it takes nothing more. A sender that is full itself gives way to the next.
fn fill(path: &str) {
    loop {
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        if filler.send_to(b"STATUS=Filled", path).is_err() {
            return;
        }
        while filler.send_to(b"STATUS=Filled", path).is_ok() {}
    }
}

fn value<'a>(lines: &'a [String], name: &str) -> &'a str {
    let found = lines.iter().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {lines:?}"))
}

#[test]
fn a_service_manager_is_told_of_start_reload_upgrade_and_end() {
    let directory = Directory::new();
    let (manager, name) = Manager::new(&directory);
    let mut command = ringgate();
    command
        .env("NOTIFY_SOCKET", &name)
        .env("WATCHDOG_USEC", "200000");
    let mut program = Program::spawn(command, directory, &[], true);
    program.wait_line("listening on");
    let mut server = Lineage::of(program);
    let first = server.pid().to_string();
    assert_eq!(value(&manager.hears("READY=1"), "MAINPID="), first);
    manager.hears("WATCHDOG=1");
    manager.hears("WATCHDOG=1");
    server.signal(Signal::Hup);
    let reloading = manager.hears("RELOADING=1");
    let since: u64 = value(&reloading, "MONOTONIC_USEC=").parse().unwrap();
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split('.').next().unwrap().parse().unwrap();
    assert!(
        (since as f64 / 1e6 - uptime).abs() < 60.0,
        "{since} against {uptime} s"
    );
    manager.hears("READY=1");
    let second = server.upgrade(&[]).to_string();
    // Said by the first, whom alone the manager believes.
    loop {
        if value(&manager.hears("MAINPID="), "MAINPID=") == second {
            break;
        }
    }
    assert_eq!(
        server.exit_code(),
        Some(0),
        "and it does not say that the service stops"
    );
    manager.hears("WATCHDOG=1");
    server.ctl(&["stop"]);
    manager.hears("STOPPING=1");
}

#[test]
fn a_service_manager_that_takes_no_message_hears_the_newest_of_each_kind_once_it_does() {
    let directory = Directory::new();
    let (manager, name) = Manager::new(&directory);
    fill(&name);
    let mut command = ringgate();
    command.env("NOTIFY_SOCKET", &name);
    let mut program = Program::spawn(command, directory, &[], true);
    program.wait_listening();
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    // Said behind what is said at the start.
    assert!(program.ctl(&["reload"]).status.success());
    let mut server = Lineage::of(program);
    let first = server.pid().to_string();
    assert_eq!(value(&manager.hears("READY=1"), "MAINPID="), first);
    manager.hears("RELOADING=1");
    manager.hears("READY=1");
    fill(&name);
    let hears = std::thread::scope(|scope| {
        let ends = scope.spawn(|| {
            loop {
                let said = manager.hears("MAINPID=");
                if value(&said, "MAINPID=") != first {
                    return said;
                }
            }
        });
        let second = server.upgrade(&[]).to_string();
        (second, ends.join().unwrap())
    });
    assert_eq!(value(&hears.1, "MAINPID="), hears.0);
    assert_eq!(server.exit_code(), Some(0));
}

/// A server of two cores to which a manager has passed a socket on TCP.
pub(crate) fn with_passed_socket(args: &str) -> Program {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let copy = listener.try_clone().unwrap();
    let directory = Directory::new();
    let control = directory.path("control.sock");
    let script = format!(
        "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec {BINARY} \
         --cores 2 --control {} {args}",
        control.display()
    );
    let mut command = Command::new("/bin/bash");
    command.args(["-c", &script]);
    command.stdin(std::process::Stdio::from(std::os::fd::OwnedFd::from(copy)));
    drop(listener);
    let mut program = Program::spawn_as_is(command, directory, true);
    let line = program.wait_line("listening on http://");
    assert!(line.contains(&address), "{line}");
    program.address = address;
    program
}

#[test]
fn a_passed_socket_that_is_not_used_and_one_that_is_not_there_are_told_of() {
    let passed = |args: &str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let script = format!(
            "exec 3<&0 4<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:old exec {BINARY} \
             --cores 1 --control none {args}"
        );
        let mut command = Command::new("/bin/bash");
        command.args(["-c", &script]);
        command.stdin(std::process::Stdio::from(std::os::fd::OwnedFd::from(
            listener,
        )));
        Program::spawn_as_is(command, Directory::new(), true)
    };
    let mut program = passed("--listen fd:3");
    let warning = program.wait_line("fd:4 (old)");
    assert!(warning.contains("neither listen nor metrics"), "{warning}");
    program.wait_line("listening on");
    let mut refused = passed("--listen fd:3 --listen fd:5");
    let error = refused.wait_line("cannot listen on fd:5");
    for text in ["name a listening socket", "passes fd:3 (web), fd:4 (old)"] {
        assert!(error.contains(text), "{text:?} in {error}");
    }
    assert_eq!(refused.exit_code(), Some(1));
}

#[test]
fn a_socket_that_is_passed_is_listened_on_and_follows_in_an_upgrade() {
    let mut server = Lineage::of(with_passed_socket(""));
    let mut kept = server.connect();
    ask(&mut kept);
    server.upgrade(&[]);
    assert_eq!(server.exit_code(), Some(0));
    ask(&mut kept);
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
}
