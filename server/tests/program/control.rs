//! The control socket and `ringgate ctl`.

use crate::common::{
    Directory, NOBODY, Program, assert_balanced, ctl, eventually, ringgate, under,
};
use ringgate::runtime::sys::signals::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;

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
            "access_log",
            "certificates",
            "cores",
            "gate",
            "generations",
            "http2",
            "lanes",
            "latency",
            "limits",
            "listeners",
            "phase",
            "pid",
            "pool",
            "proxies",
            "resident_bytes",
            "tls",
            "totals",
            "uptime_seconds",
            "websockets"
        ]
    );
    assert_eq!(keys(&status["gate"]), ["slots_taken", "waiting"]);
    assert_eq!(
        keys(&status["http2"]),
        ["begun", "drained", "faults", "open", "streams"]
    );
    assert_eq!(keys(&status["limits"]), ["max_accepts", "max_threads"]);
    let totals = &status["totals"];
    assert_eq!(
        keys(totals),
        ["bytes", "connections", "requests", "responses"]
    );
    assert_eq!(keys(&totals["bytes"]), ["received", "sent"]);
    assert_eq!(totals["responses"]["2xx"], 10);
    assert_eq!(keys(&status["latency"]), ["queue", "service"]);
    let served = status["latency"]["service"].as_array().unwrap();
    let counts = served.iter().map(|pair| pair[1].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 10);
    assert!(status["resident_bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(keys(&status["websockets"]), ["open"]);
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
                "busy_permille",
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
            [
                "address",
                "helper_core",
                "owner_core",
                "queue",
                "queue_limit",
                "slot"
            ]
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
fn resizes_that_are_waited_for_by_clients_that_have_gone_keep_nobody_out() {
    const PLACES: usize = 64;
    // The core is not made to go in the time that this takes on a busy machine.
    let program = Program::start(&["--graceful-timeout", "10m"]);
    let mut long = program.connect();
    write!(long, "GET /sleep?ms=600000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    eventually("a request that keeps the core", || {
        (program.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    for _ in 0..2 * PLACES {
        let mut goes = UnixStream::connect(program.control()).unwrap();
        goes.write_all(b"resize 0 wait\n").unwrap();
    }
    for _ in 0..2 * PLACES {
        assert_eq!(program.status()["phase"], "running");
    }
    let mut stays = UnixStream::connect(program.control()).unwrap();
    // Who ends its side may wait for the answer all the same, as `nc -q` does.
    stays.write_all(b"resize 0 wait\n").unwrap();
    stays.shutdown(Shutdown::Write).unwrap();
    assert!(program.ctl(&["resize", "1"]).status.success());
    let line = BufReader::new(stays).lines().next().unwrap().unwrap();
    assert!(line.contains("now to be 1"), "{line}");
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
#[ignore = "needs root, to become somebody else"]
fn another_user_is_refused_on_the_control_socket_whatever_its_mode_says() {
    let mut program = Program::start(&[]);
    let path = program.control();
    let allow = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(path.parent().unwrap(), 0o755);
    allow(&path, 0o666);
    for command in [["status"].as_slice(), &["stop"], &["resize", "1"]] {
        let mut ctl = under(&NOBODY);
        ctl.arg("ctl").arg("--control").arg(&path).args(command);
        let output = ctl.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("user 65534 may not control"), "{text}");
    }
    program.wait_line("refused on the control socket");
    assert_eq!(program.status()["phase"], "running");
}

#[test]
fn without_control_the_socket_is_at_its_default_place_where_ctl_finds_it() {
    let directory = Directory::new();
    let runtime_dir = directory.path("run");
    std::fs::create_dir(&runtime_dir).unwrap();
    let mut command = ringgate();
    command.env("XDG_RUNTIME_DIR", &runtime_dir);
    let mut program = Program::spawn(command, Directory::new(), &["--control", "auto"], true);
    let path = runtime_dir.join("ringgate/control.sock");
    program.wait_line(&format!("control socket {}", path.display()));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    let mut ctl = ringgate();
    ctl.env("XDG_RUNTIME_DIR", &runtime_dir);
    let output = ctl.args(["ctl", "status"]).output().unwrap();
    assert!(output.stdout.starts_with(b"running, pid "), "{output:?}");
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

/// A hundred statuses one after another wait 100 ms each for the blocked core; whoever speaks meanwhile
/// does not.
#[test]
fn a_blocked_core_holds_up_its_status_and_nothing_else() {
    const STATUSES: usize = 100;
    let program = Program::start(&[]);
    let mut stream = program.connect();
    write!(
        stream,
        "GET /block?ms=600000 HTTP/1.1\r\nHost: test\r\n\r\n"
    )
    .unwrap();
    eventually("a blocked core", || {
        (program.status()["cores"][0]["state"] == "blocked").then_some(())
    });
    let mut patient = UnixStream::connect(program.control()).unwrap();
    patient.write_all(&b"status\n".repeat(STATUSES)).unwrap();
    let mut busy = BufReader::new(UnixStream::connect(program.control()).unwrap());
    for _ in 0..30 {
        busy.get_mut().write_all(b"resize 1\n").unwrap();
        let mut line = String::new();
        busy.read_line(&mut line).unwrap();
        assert_eq!(line, "{\"ok\":true}\n");
    }
    patient.set_nonblocking(true).unwrap();
    let mut answers = BufReader::new(&patient).lines().map_while(Result::ok);
    assert!(answers.by_ref().count() < STATUSES);
}

#[test]
fn the_file_goes_with_its_server() {
    let mut program = Program::start(&[]);
    let control = program.control();
    assert!(program.ctl(&["stop"]).status.success());
    assert_eq!(program.exit_code(), Some(0));
    assert!(!control.exists());
}

/// Without a core the end comes in the very turn in which it is asked for; what was asked after it on
/// the same connection is answered all the same.
#[test]
fn what_is_asked_after_the_word_to_end_is_answered_to_the_last() {
    for end in ["drain", "stop"] {
        let mut program = Program::start(&[]);
        assert!(program.ctl(&["resize", "0", "--wait"]).status.success());
        let mut stream = UnixStream::connect(program.control()).unwrap();
        write!(stream, "{end}\nstatus\nresize 1\n").unwrap();
        let answers: Vec<String> = BufReader::new(stream)
            .lines()
            .map_while(Result::ok)
            .collect();
        assert_eq!(answers.len(), 3, "{answers:#?}");
        assert_eq!(program.exit_code(), Some(0));
        let rest = program.rest();
        assert!(
            !rest.iter().any(|line| line.contains("panicked")),
            "{rest:#?}"
        );
    }
}

#[test]
fn a_control_socket_that_cannot_be_made_names_its_own_flag_and_cure() {
    let output = ringgate()
        .args([
            "--listen",
            "127.0.0.1:0",
            "--control",
            "/nonexistent/control.sock",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    for word in ["/nonexistent", "make the directory", "--control"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("--listen"), "{text}");
}

#[test]
#[ignore = "needs root, to become somebody else"]
fn a_control_socket_that_may_not_be_made_is_not_blamed_on_a_port() {
    let directory = Directory::new();
    let mut command = under(&NOBODY);
    command.args(["--listen", "127.0.0.1:0", "--control"]);
    let output = command
        .arg(directory.path("control.sock"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("let this user write there"), "{text}");
    assert!(
        text.contains("--control") && !text.contains("port"),
        "{text}"
    );
}

#[test]
fn a_reader_who_has_had_enough_is_no_failure() {
    let program = Program::start(&[]);
    let control = program.control();
    let commands: [&[&str]; 4] = [
        &["--help"],
        &["doctor"],
        &["ctl", "status"],
        &["ctl", "events"],
    ];
    for command in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut asked = ringgate();
        asked.env("RINGGATE_CONTROL", &control).args(command);
        let mut child = asked.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        // Something for the reader of events, until he is gone.
        eventually("the end", || {
            program.ctl(&["reload"]);
            child.try_wait().unwrap()
        });
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?} {output:?}");
        assert!(output.stderr.is_empty(), "{command:?} {output:?}");
    }
}

#[test]
fn limits_that_name_none_are_told_which_there_are() {
    let output = ctl(Path::new("/nonexistent"), &["limits"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("--max-threads") && text.contains("--max-accepts"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_control_socket_whose_file_was_removed_is_made_again_and_what_takes_its_place_is_left_alone() {
    let mut program = Program::start(&[]);
    let path = program.control();
    std::fs::remove_file(&path).unwrap();
    let line = program.wait_line("the control socket was missing and is made again");
    assert!(line.contains(path.to_str().unwrap()), "{line}");
    assert_eq!(program.status()["phase"], "running");
    // Moved over it, so that it is never missing.
    let other = program.directory.path("other");
    std::fs::write(&other, "not ours").unwrap();
    std::fs::rename(&other, &path).unwrap();
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
    assert_eq!(std::fs::read(&path).unwrap(), b"not ours");
    let rest = program.rest();
    let made_again = rest.iter().filter(|line| line.contains("is made again"));
    assert_eq!(made_again.count(), 0, "{rest:?}");
}
