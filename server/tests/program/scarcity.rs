//! Out of descriptors, buffers, completion slots or readers of the log: the server slows down, and
//! recovers.

use crate::common::{
    Directory, Program, assert_balanced, eventually, get, read_greetings, read_some, under,
};
use ringgate::runtime::sys::signals::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

const GET: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";

fn connections(program: &Program, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| program.connect()).collect()
}

/// A counter of the first core.
#[track_caller]
fn counted(metrics: &str, name: &str) -> u64 {
    series(metrics, &format!("{name}{{core=\"0\"}}"))
}

/// A series, labels included.
#[track_caller]
fn series(metrics: &str, series: &str) -> u64 {
    let text = get(metrics, "/metrics");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(series));
    lines.next().expect(series).trim().parse().unwrap()
}

#[test]
fn out_of_descriptors_it_pauses_and_serves_everybody_in_the_end() {
    // One listener, so that connections are accepted in the order in which they were made.
    let limit = ["prlimit", "--nofile=64:64"];
    let mut program = Program::start_under(&limit, &["--core-slots", "1"]);
    let streams = connections(&program, 200);
    program.wait_line("accepting pauses");
    // Those that it has leave, and those that wait in the kernel's queue take their place.
    for mut stream in streams {
        stream.write_all(GET).unwrap();
        read_greetings(&mut stream, 1);
    }
    eventually("all connections ended", || {
        let status = program.status();
        assert_balanced(&status);
        let connections = &status["totals"]["connections"];
        (connections["accepted"] == 200 && connections["open"] == 0).then_some(())
    });
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
}

#[test]
fn with_every_descriptor_for_connections_taken_operators_are_heard() {
    let directory = Directory::new();
    let log = directory.path("log");
    let renamed = directory.path("log.1");
    let arguments = [
        "--core-slots",
        "1",
        "--metrics",
        "127.0.0.1:0",
        "--log-file",
        log.to_str().unwrap(),
    ];
    let wrapper = ["prlimit", "--nofile=64:64"];
    let mut program = Program::spawn(under(&wrapper), directory, &arguments, true);
    let has_line = |text: &str| {
        eventually(text, || {
            let log = std::fs::read_to_string(&log).ok()?;
            let line = log.lines().find(|line| line.contains(text))?;
            Some(line.to_owned())
        })
    };
    let address_in = |line: String| {
        let (_, rest) = line.split_once("http://").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let room = has_line("room for ");
    assert!(room.contains("of 64 open files (RLIMIT_NOFILE)"), "{room}");
    program.address = address_in(has_line("listening on http://"));
    let metrics = address_in(has_line("metrics on http://"));
    let streams = connections(&program, 100);
    has_line("accepting pauses: there is no room for more connections");

    let status = program.status();
    let open = status["totals"]["connections"]["open"].as_u64().unwrap();
    assert!(
        room.contains(&format!("room for {open} connections")),
        "{open}: {room}"
    );
    let pauses = r#"ringgate_accept_pauses_total{core="0",reason="resources"}"#;
    assert_eq!(series(&metrics, pauses), 1);
    std::fs::rename(&log, &renamed).unwrap();
    program.signal(Signal::Usr1);
    assert!(program.ctl(&["reload"]).status.success());
    has_line("the configuration was read again");
    let upgraded = program.ctl(&["upgrade"]);
    assert!(upgraded.status.success(), "{upgraded:?}");

    for mut stream in streams {
        stream.write_all(GET).unwrap();
        read_greetings(&mut stream, 1);
    }
    program.ctl(&["stop"]);
}

/// Locked memory is charged to the user: this one has no other process.
const SPARTAN: [&str; 4] = [
    "setpriv",
    "--reuid=65533",
    "--regid=65533",
    "--clear-groups",
];

/// On kernels that charge rings to RLIMIT_MEMLOCK (6.16 and 6.18 do; 6.1, 6.12 and 7.3 do not).
#[test]
#[ignore = "needs root, to become somebody who is charged for locked memory"]
fn out_of_locked_memory_it_goes_on_with_the_cores_it_has_and_gets_more_when_there_is_some() {
    let directory = Directory::new();
    let open_to_all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(directory.path("."), open_to_all).unwrap();
    let wrapper = [["prlimit", "--memlock=700000:"].as_slice(), &SPARTAN].concat();
    let slots = ["--core-slots", "16"];
    let mut program = Program::spawn(under(&wrapper), directory, &slots, true);
    program.wait_listening();
    let mut kept = program.connect();
    let resized = program.ctl(&["resize", "16", "--wait"]);
    if !resized.status.success() {
        program.wait_line("a core could not be started");
    }
    kept.write_all(GET).unwrap();
    read_greetings(&mut kept, 1);
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    let cores = |program: &Program| program.status()["cores"].as_array().unwrap().len();
    let before = cores(&program);
    assert_eq!(before < 16, !resized.status.success(), "{before} cores");

    let pid = program.status()["pid"].to_string();
    // Up to the hard limit its user may raise it.
    let raise = ["prlimit", "--pid", &pid, "--memlock=6000000:"];
    let mut command = Command::new(SPARTAN[0]);
    let raised = command.args(&SPARTAN[1..]).args(raise).status();
    assert!(raised.unwrap().success());
    // By itself: the number stays what was asked.
    eventually("all the cores", || (cores(&program) == 16).then_some(()));
    let resized = program.ctl(&["resize", "16", "--wait"]);
    assert!(resized.status.success(), "{resized:?}");
    kept.write_all(GET).unwrap();
    read_greetings(&mut kept, 1);
    assert_balanced(&program.status());
}

#[test]
fn with_sixteen_buffers_two_hundred_bodies_are_answered() {
    let scarce = ["--buffers", "16", "--metrics", "127.0.0.1:0"];
    let mut program = Program::start(&scarce);
    let line = program.wait_line("metrics on http://");
    let metrics = line.split_once("http://").unwrap().1.trim();
    let mut streams = connections(&program, 200);
    let head = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 2000\r\n\r\n";
    let half = [b'x'; 1000];
    for stream in &mut streams {
        stream.write_all(head).unwrap();
        stream.write_all(&half).unwrap();
    }
    for stream in &mut streams {
        stream.write_all(&half).unwrap();
    }
    for stream in &mut streams {
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        let is_whole = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'x').count() >= 2000;
        while !is_whole(&read) {
            let count = read_some(stream, &mut buffer);
            assert!(count > 0, "cut: {:?}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&buffer[..count]);
        }
    }
    assert_ne!(counted(metrics, "ringgate_starved_receives_total"), 0);
    assert_balanced(&program.status());
}

#[test]
fn an_overflowing_completion_queue_loses_no_answer() {
    const PIPELINED: usize = 16;
    // Without these, the kernel posts a completion when it comes and not when the core looks.
    let mut program = Program::start(&[
        "--without",
        "defer_taskrun",
        "--without",
        "coop_taskrun",
        "--without",
        "taskrun_flag",
        "--ring-entries",
        "64",
        "--metrics",
        "127.0.0.1:0",
    ]);
    let line = program.wait_line("metrics on http://");
    let metrics = line.split_once("http://").unwrap().1.trim();
    let mut streams = connections(&program, 500);
    eventually("all connections accepted", || {
        (program.status()["totals"]["connections"]["open"] == 500).then_some(())
    });
    // While the core is blocked, more completions come than its queue holds.
    let mut blocker = program.connect();
    write!(blocker, "GET /block?ms=2000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    eventually("a blocked core", || {
        (program.status()["cores"][0]["state"] == "blocked").then_some(())
    });
    let batch = GET.repeat(PIPELINED);
    for stream in &mut streams {
        stream.write_all(&batch).unwrap();
    }
    for stream in &mut streams {
        read_greetings(stream, PIPELINED);
    }
    let overflows = counted(metrics, "ringgate_completion_queue_overflows_total");
    assert_ne!(overflows, 0, "it was not provoked");
    let status = program.status();
    assert_balanced(&status);
    assert_eq!(
        status["totals"]["requests"]["answered"],
        500 * PIPELINED + 1
    );
}

#[test]
fn a_log_that_nobody_reads_holds_up_nothing() {
    const COMMANDS: usize = 4000;
    let directory = Directory::new();
    let metrics = directory.path("metrics.sock");
    let mut program = Program::spawn(
        under(&[]),
        Directory::new(),
        &[
            "--log-level",
            "trace",
            "--metrics",
            &format!("unix:{}", metrics.display()),
        ],
        false,
    );
    let mut stream = eventually("the control socket", || {
        UnixStream::connect(program.control()).ok()
    });
    // Each is two lines of log: many times what a pipe holds.
    let writer = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut writer = writer;
            writer.write_all(&b"resize 1\n".repeat(COMMANDS)).unwrap();
        });
        let mut answers = vec![0; "{\"ok\":true}\n".len() * COMMANDS];
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.read_exact(&mut answers).unwrap();
    });
    program.address = program.status()["listeners"][0]["address"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    let mut scrape = UnixStream::connect(&metrics).unwrap();
    scrape
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    scrape.read_to_string(&mut text).unwrap();
    let dropped = text
        .lines()
        .find_map(|line| line.strip_prefix("ringgate_log_lines_dropped_total "));
    assert!(dropped.unwrap().parse::<u64>().unwrap() > 0, "{dropped:?}");
    program.ctl(&["stop"]);
    assert_eq!(program.exit_code(), Some(0));
}
