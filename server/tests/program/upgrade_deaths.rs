//! Upgrades whose new process is wrong, late, or dies: the old one goes on, and no client sees it.

use crate::common::{BINARY, Directory, PATIENCE, Program, eventually, get, ringgate};
use crate::endings::has_thread;
use crate::events::{next, subscribe};
use crate::upgrade::{Lineage, ask, fails, script};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

#[test]
fn an_upgrade_that_cannot_be_says_why_and_changes_nothing() {
    let server = Lineage::start(&[]);
    fails(
        &server,
        "/nonexistent/ringgate",
        &["cannot start", "/nonexistent/ringgate"],
    );
    fails(&server, "/bin/false", &["ended before it served", "1"]);
    let wrong = script(
        &server,
        &format!("RINGGATE_CORES=many exec {BINARY} --log-level info"),
    );
    fails(
        &server,
        wrong.to_str().unwrap(),
        &["refuses", "RINGGATE_CORES", "many"],
    );
    let listen = format!("exec {BINARY} \"$@\" --listen 192.0.2.1:1");
    let wrong = script(&server, &listen);
    fails(
        &server,
        wrong.to_str().unwrap(),
        &["refuses", "192.0.2.1:1"],
    );
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
    server.upgrade(&[]);
}

#[test]
fn an_upgrade_that_takes_too_long_is_given_up_and_changes_nothing() {
    let server = Lineage::start(&["--upgrade-timeout", "2s"]);
    let late = script(&server, "exec sleep 600");
    fails(&server, late.to_str().unwrap(), &["upgrade_timeout"]);
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
}

fn kill(signal: &str, pid: u64) {
    let mut kill = std::process::Command::new("kill");
    let killed = kill.args([signal, &pid.to_string()]).status().unwrap();
    assert!(killed.success(), "{signal} {pid}");
}

/// A process that is stopped until this is dropped.
struct Suspended(u64);

impl Suspended {
    fn new(pid: u64) -> Suspended {
        kill("-STOP", pid);
        Suspended(pid)
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        kill("-CONT", self.0);
    }
}

#[test]
fn listeners_are_heard_on_after_a_new_process_was_told_to_drain_before_it_owned_them() {
    let server = Lineage::start(&["--cores", "2"]);
    let old = u64::from(server.pid());
    let mut events = subscribe(&server);
    let go = server.directory.path("go");
    let text = format!(
        "until [ -e {} ]; do sleep 0.02; done; exec {BINARY} \"$@\"",
        go.display()
    );
    let waits = script(&server, &text);
    let mut upgrade = ringgate();
    upgrade.arg("ctl").arg("--control").arg(server.control());
    upgrade.args(["upgrade", "--binary"]).arg(waits);
    upgrade.stdout(Stdio::piped()).stderr(Stdio::piped());
    let upgrade = upgrade.spawn().unwrap();
    let new = next(&mut events, "upgrade")["pid"].as_u64().unwrap();
    // The old process has said all that the new one starts from, and now gives it nothing.
    let suspended = Suspended::new(old);
    std::fs::write(&go, "").unwrap();
    eventually(
        "a coordinator, which takes the signals from here on",
        || has_thread(new as u32, "rg-coord").then_some(()),
    );
    kill("-QUIT", new);
    eventually("the end of the new process", || {
        let stat = std::fs::read_to_string(format!("/proc/{new}/stat")).unwrap();
        stat.contains(") Z ").then_some(())
    });
    drop(suspended);
    let output = upgrade.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("ended before it served"), "{error}");
    let address = server.address.parse().unwrap();
    for _ in 0..20 {
        TcpStream::connect_timeout(&address, PATIENCE).expect("somebody listens");
        assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
    }
}

#[test]
fn the_file_of_a_unix_socket_outlives_a_new_process_that_fails_at_its_last_step() {
    let directory = Directory::new();
    let path = directory.path("http.sock");
    let listen = format!("unix:{}", path.display());
    let mut program = Program::spawn(ringgate(), directory, &["--listen", &listen], true);
    program.wait_line("listening on unix:");
    let server = Lineage::of(program);
    // No file can be made there.
    let pid_file = "/proc/ringgate.pid";
    let text = format!("exec {BINARY} \"$@\" --pid-file {pid_file}");
    let refused = script(&server, &text);
    fails(&server, refused.to_str().unwrap(), &["refuses", pid_file]);
    let mut stream = UnixStream::connect(&path).expect("it listens on");
    write!(
        stream,
        "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("Hello, World!"), "{answer}");
}

/// A program that dies at this step.
pub(crate) fn dies_at(server: &Lineage, step: &str) -> String {
    let path = script(
        server,
        &format!("RINGGATE_DIE_AT={step} exec {BINARY} \"$@\""),
    );
    path.to_str().unwrap().to_owned()
}

#[cfg(debug_assertions)]
#[test]
fn a_new_process_that_dies_before_its_first_accept_is_seen_by_no_client() {
    use crate::upgrade::Load;
    let server = Lineage::start(&["--cores", "2"]);
    let mut kept = server.connect();
    ask(&mut kept);
    let load = Load::start(&server.address);
    for step in ["start", "listeners", "before-ready", "ready", "baton"] {
        load.wait_for_answers(20);
        fails(
            &server,
            &dies_at(&server, step),
            &["ended before it served", "137"],
        );
        load.wait_for_answers(20);
        let status = server.status();
        for listener in status["listeners"].as_array().unwrap() {
            assert!(listener["owner_core"].is_u64(), "{step}: {status:#}");
        }
    }
    load.end();
    ask(&mut kept);
    assert_eq!(server.status()["totals"]["connections"]["aborted"], 0);
    server.upgrade(&[]);
    ask(&mut kept);
}

/// Whether each listener has an owner here, and somebody beside it: what lingers of a dead process
/// may swallow the owner's wake-ups. How fast that is, scripts/coordinator-figures.sh measures.
fn has_every_baton_and_helps(server: &Lineage) -> bool {
    let status = server.status();
    let listeners = status["listeners"].as_array().expect("a list");
    listeners
        .iter()
        .all(|listener| listener["owner_core"].is_u64() && listener["helper_core"].is_u64())
}

#[cfg(debug_assertions)]
#[test]
fn the_old_process_takes_back_every_baton_that_the_new_one_had_armed() {
    let server = Lineage::start(&["--cores", "2"]);
    let mut events = subscribe(&server);
    fails(
        &server,
        &dies_at(&server, "armed"),
        &["ended before it served"],
    );
    while next(&mut events, "upgrade")["step"] != "failed" {}
    next(&mut events, "arm");
    eventually("every baton", || {
        has_every_baton_and_helps(&server).then_some(())
    });
    for _ in 0..20 {
        assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_new_process_that_dies_with_the_control_socket_and_the_pid_file_in_its_hands_gives_them_back() {
    let directory = Directory::new();
    let pid_file = directory.path("ringgate.pid");
    let name = pid_file.display().to_string();
    let server = Lineage::start(&["--pid-file", &name]);
    let mut kept = server.connect();
    ask(&mut kept);
    // Whoever asks for the upgrade has its connection to the socket that is replaced.
    let doomed = dies_at(&server, "claimed");
    fails(&server, &doomed, &["ended before it served", "137"]);
    let named = std::fs::read_to_string(&pid_file).unwrap();
    assert_eq!(named.trim(), server.pid().to_string());
    ask(&mut kept);
    server.upgrade(&[]);
    ask(&mut kept);
}

#[cfg(debug_assertions)]
#[test]
fn a_connection_that_a_new_process_has_not_acknowledged_when_it_dies_is_served_by_the_old_one() {
    let server = Lineage::start(&["--cores", "2", "--graceful-timeout", "60s"]);
    let old = server.serving_pid();
    let mut kept: Vec<TcpStream> = (0..5).map(|_| server.connect()).collect();
    let mut halves: Vec<TcpStream> = (0..5).map(|_| server.connect()).collect();
    kept.iter_mut().for_each(ask);
    for half in &mut halves {
        half.write_all(b"GET /plaintext HTTP/1.1\r\nHo").unwrap();
    }
    eventually("all connections", || {
        (server.status()["totals"]["connections"]["open"] == 10).then_some(())
    });
    // It serves, and dies with the first of them in its hands.
    let doomed = dies_at(&server, "connection");
    let output = server.ctl(&["upgrade", "--binary", &doomed]);
    assert!(output.status.success(), "{output:?}");
    eventually("the old process", || {
        let status = server.ctl(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
        (status["pid"] == old && status["phase"] == "running").then_some(())
    });
    for half in &mut halves {
        half.write_all(b"st: test\r\n\r\n").unwrap();
        crate::common::read_greetings(half, 1);
    }
    kept.iter_mut().chain(&mut halves).for_each(ask);
    assert_eq!(server.status()["totals"]["connections"]["aborted"], 0);
}

#[test]
fn one_that_is_killed_while_the_old_one_still_has_work_is_replaced_by_the_old_one() {
    let mut server = Lineage::start(&["--graceful-timeout", "60s"]);
    let old = server.serving_pid();
    let mut busy = server.connect();
    busy.write_all(b"GET /sleep?ms=60000 HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    eventually("a running request", || {
        (server.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    let mut held: Vec<TcpStream> = (0..5).map(|_| server.connect()).collect();
    held.iter_mut().for_each(ask);
    let new = server.upgrade(&[]);
    eventually("idle connections at the new process", || {
        (server.status()["totals"]["connections"]["inherited"] == 5).then_some(())
    });
    kill("-KILL", new);
    // What it accepts while it dies is its own.
    eventually("the death of all its threads", || {
        let stat = std::fs::read_to_string(format!("/proc/{new}/stat"));
        let threads = std::fs::read_dir(format!("/proc/{new}/task"));
        let is_dead = stat.is_ok_and(|stat| stat.contains(") Z "));
        let is_reaped = threads.as_ref().is_err();
        let alone = threads.is_ok_and(|threads| threads.count() == 1);
        (is_reaped || is_dead && alone).then_some(())
    });
    // Nothing is refused: what comes now waits for the old one.
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
    let said = server.wait_line("upgrade failed; this process goes on");
    assert!(said.contains("ended when it served"), "{said}");
    eventually("the control socket", || {
        let status = server.ctl(&["status"]);
        status.status.success().then_some(())
    });
    assert_eq!(server.serving_pid(), old);
    assert!(has_every_baton_and_helps(&server));
    let lost = held.iter().filter(|stream| {
        let mut byte = [0];
        matches!((&mut &**stream).read(&mut byte), Ok(0) | Err(_))
    });
    assert_eq!(lost.count(), 5, "exactly what it held is gone");
    server.upgrade(&[]);
}
