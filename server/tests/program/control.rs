//! The control socket and `ringgate ctl`.

use crate::common::{Directory, Program, assert_balanced, ctl, eventually, ringgate};
use ringgate::runtime::sys::signals::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_status_has_exactly_the_fields_of_the_contract_and_balances() {
    let program = Program::start(&["--cores", "2"]);
    for _ in 0..10 {
        program.get("/plaintext");
    }
    let status = program.status();
    assert_balanced(&status);
    assert_eq!(
        keys(&status),
        [
            "cores",
            "generations",
            "limits",
            "listeners",
            "phase",
            "pid",
            "totals",
            "uptime_seconds"
        ]
    );
    assert_eq!(keys(&status["limits"]), ["max_accepts", "max_threads"]);
    let totals = &status["totals"];
    assert_eq!(keys(totals), ["connections", "requests"]);
    assert_eq!(
        keys(&totals["connections"]),
        [
            "aborted",
            "accepted",
            "finished",
            "in_transit",
            "inherited",
            "open",
            "passed_on",
            "rejected"
        ]
    );
    let requests = [
        "aborted", "answered", "begun", "pending", "rejected", "running",
    ];
    assert_eq!(keys(&totals["requests"]), requests);
    let cores = status["cores"].as_array().unwrap();
    assert_eq!(cores.len(), 2);
    for core in cores {
        assert_eq!(
            keys(core),
            [
                "connections",
                "cpu",
                "heartbeat_age_ms",
                "index",
                "operations_in_flight",
                "requests",
                "state"
            ]
        );
        assert_eq!(
            keys(&core["connections"]),
            [
                "aborted",
                "accepted",
                "finished",
                "handed_in",
                "handed_out",
                "open",
                "rejected"
            ]
        );
        assert_eq!(keys(&core["requests"]), requests);
    }
    let listeners = status["listeners"].as_array().unwrap();
    assert_eq!(listeners.len(), 2);
    for listener in listeners {
        assert_eq!(
            keys(listener),
            ["address", "owner_core", "queue", "queue_limit", "slot"]
        );
        assert_eq!(listener["address"], program.address.as_str());
    }
    assert_eq!(status["phase"], "running");
    assert_eq!(totals["requests"]["answered"], 10);
}

#[test]
fn a_status_for_people_names_phase_cores_and_listeners() {
    let program = Program::start(&[]);
    let output = program.ctl(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("running, pid "), "{text}");
    assert!(text.contains("connections  accepted 0"), "{text}");
    assert!(text.contains(&program.address), "{text}");
}

#[test]
fn a_resize_that_is_waited_for_is_done_when_it_returns() {
    let program = Program::start(&["--core-slots", "3"]);
    for cores in [3, 1, 2] {
        let output = program.ctl(&["resize", &cores.to_string(), "--wait"]);
        assert!(output.status.success(), "{output:?}");
        let status = program.status();
        assert_eq!(status["cores"].as_array().unwrap().len(), cores);
        assert!(program.get("/plaintext").ends_with("Hello, World!"));
    }
    let output = program.ctl(&["resize", "9", "--wait"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("core_slots"), "{text}");
}

#[test]
fn the_protocol_is_lines_and_says_what_it_does_not_understand() {
    let program = Program::start(&[]);
    let mut stream = UnixStream::connect(program.control()).unwrap();
    stream
        .write_all(b"status\nrestart\nresize 1 wait\n")
        .unwrap();
    let mut lines = BufReader::new(&stream).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["phase"], "running");
    assert!(next()["error"].as_str().unwrap().contains("resize N"));
    assert_eq!(next()["ok"], true);
}

#[test]
fn a_stale_socket_is_replaced_and_is_for_its_owner_only() {
    let directory = Directory::new();
    let path = directory.path("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    let mut program = Program::spawn(ringgate(), directory, &[], true);
    program.wait_line("control socket");
    assert_eq!(program.status()["phase"], "running");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_live_socket_is_left_alone_with_a_warning() {
    let first = Program::start(&[]);
    let control = first.control();
    let path = control.to_str().unwrap();
    let mut second = Program::start(&["--control", path]);
    let warned = |line: &String| line.contains("no control socket");
    assert!(second.seen.iter().any(warned), "{:#?}", second.seen);
    assert!(second.get("/plaintext").ends_with("Hello, World!"));
    second.signal(Signal::Int);
    assert_eq!(second.exit_code(), Some(0));
    // The socket still is the first one's.
    let status = first.status();
    assert_eq!(status["listeners"][0]["address"], first.address.as_str());
}

#[test]
fn without_a_server_ctl_names_the_path_and_the_cure() {
    let directory = Directory::new();
    let path = directory.path("nobody.sock");
    let output = ctl(&path, &["status"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(text.contains("--control"), "{text}");
    let output = ctl(&path, &["restart"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn status_is_answered_while_a_core_is_blocked() {
    let program = Program::start(&[]);
    let mut stream = program.connect();
    write!(stream, "GET /block?ms=20000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    eventually("a blocked core", || {
        (program.status()["cores"][0]["state"] == "blocked").then_some(())
    });
}

#[test]
fn the_file_goes_with_its_server() {
    let mut program = Program::start(&[]);
    let control = program.control();
    assert!(program.ctl(&["stop"]).status.success());
    assert_eq!(program.exit_code(), Some(0));
    assert!(!control.exists());
}
