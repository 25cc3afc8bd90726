//! Rows of the first founding text that need the program: its threads, its log, its limits.

use crate::common::{Program, assert_balanced, eventually};
use crate::managed::with_passed_socket;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

fn ask(program: &Program, path: &str) -> TcpStream {
    let mut stream = program.connect();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream
}

/// A request that runs until the rest of its body comes.
fn begin(program: &Program) -> TcpStream {
    let mut stream = program.connect();
    let head =
        "POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
    write!(stream, "{head}ha").unwrap();
    stream
}

fn end(stream: &mut TcpStream) {
    write!(stream, "lf").unwrap();
    let answer = read(stream);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("half"),
        "{answer}"
    );
}

fn read(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("no reset");
    answer
}

fn requests(program: &Program, figure: &str) -> u64 {
    let status = program.status();
    status["totals"]["requests"][figure]
        .as_u64()
        .expect("a count")
}

#[test]
fn h8_out_of_descriptors_an_unbounded_gate_refuses_nobody_and_all_are_served() {
    let limit = ["prlimit", "--nofile=64:64"];
    let args = [
        "--core-slots",
        "1",
        "--max-threads",
        "2",
        "--max-accepts",
        "unbounded",
    ];
    let mut program = Program::start_under(&limit, &args);
    let mut streams: Vec<_> = (0..200).map(|_| ask(&program, "/sleep?ms=5")).collect();
    program.wait_line("accepting pauses");
    for stream in &mut streams {
        assert!(read(stream).starts_with("HTTP/1.1 200"));
    }
    let status = eventually("all ended", || {
        let status = program.status();
        (status["totals"]["connections"]["open"] == 0).then_some(status)
    });
    assert_balanced(&status);
    assert_eq!(status["totals"]["requests"]["answered"], 200);
}

#[test]
fn h10_a_denial_is_logged_as_a_warning_with_its_reason() {
    let mut program = Program::start(&["--max-threads", "1"]);
    let mut runs = begin(&program);
    eventually("it runs", || {
        (requests(&program, "running") == 1).then_some(())
    });
    let answer = read(&mut ask(&program, "/plaintext"));
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("Retry-After: 1\r\n") || answer.contains("retry-after: 1\r\n"));
    let line = program.wait_line("refused by the gate");
    assert!(
        line.contains("WARN") && line.contains("reason=full"),
        "{line}"
    );
    end(&mut runs);
}

/// `ss -ltn` of this port: the length and the limit of each queue.
fn ss(port: &str) -> BTreeSet<(u64, u64)> {
    let output = Command::new("ss")
        .args(["-ltnH", &format!("sport = :{port}")])
        .output();
    let output = output.expect("ss of iproute2");
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).expect("a number");
    let lines = text.lines().map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        (number(words.next()), number(words.next()))
    });
    lines.collect()
}

#[test]
fn h12_the_kernels_queue_is_shown_as_ss_shows_it_and_so_are_its_overflows() {
    // Nobody is to help the blocked core.
    let alone = ["--core-slots", "1", "--stall", "1h"];
    let metrics = ["--metrics", "127.0.0.1:0"];
    let mut program = Program::start(&[&alone[..], &metrics].concat());
    let line = program.wait_line("metrics on http://");
    let metrics = line.split_once("http://").unwrap().1.trim().to_owned();
    let figure = |name: &str| -> u64 {
        let text = crate::common::get(&metrics, "/metrics");
        let found = text.lines().find_map(|line| {
            let (found, value) = line.rsplit_once(' ')?;
            found.starts_with(name).then(|| value.to_owned())
        });
        found
            .expect("the metric is there")
            .parse()
            .expect("a number")
    };
    // The core is blocked until the end: nobody accepts. One connection at least is the blocker's own.
    let _blocked = ask(&program, "/block?ms=600000");
    eventually("a blocked core", || {
        (program.status()["cores"][0]["state"] == "blocked").then_some(())
    });
    let waiting: Vec<_> = (0..17).map(|_| program.connect()).collect();
    let listener = eventually("they are queued", || {
        let listener = program.status()["listeners"][0].clone();
        (listener["queue"].as_u64()? > 0).then_some(listener)
    });
    let port = program.address.rsplit_once(':').unwrap().1.to_owned();
    let (queue, limit) = (&listener["queue"], &listener["queue_limit"]);
    let shown = (queue.as_u64().unwrap(), limit.as_u64().unwrap());
    assert_eq!(ss(&port), BTreeSet::from([shown]));
    assert_eq!(figure("ringgate_listener_queue{"), shown.0);
    assert_eq!(figure("ringgate_listener_queue_limit{"), shown.1);
    let netstat = std::fs::read_to_string("/proc/net/netstat").unwrap();
    let mut lines = netstat.lines().filter(|line| line.starts_with("TcpExt:"));
    let names = lines.next().unwrap().split_ascii_whitespace();
    let all: BTreeMap<_, _> = names
        .zip(lines.next().unwrap().split_ascii_whitespace())
        .collect();
    // The kernel's own counter, which others of this machine may raise in between.
    let before: u64 = all["ListenOverflows"].parse().unwrap();
    let counted = figure("ringgate_listen_overflows_total");
    assert!(
        (before..before + 1000).contains(&counted),
        "{counted}, {before}"
    );
    drop(waiting);
}

#[test]
fn h12_the_queue_of_a_socket_that_cores_share_is_told_once() {
    let program = with_passed_socket("--core-slots 4");
    let rows = |status: &serde_json::Value| status["listeners"].as_array().unwrap().clone();
    eventually("both cores accept", || {
        let owners = rows(&program.status()).into_iter();
        let owners: Vec<_> = owners.map(|row| row["owner_core"].clone()).collect();
        (owners == [0, 1]).then_some(())
    });
    let told = |row: &serde_json::Value| !row["queue"].is_null();
    let told_by = rows(&program.status())
        .iter()
        .filter(|row| told(row))
        .count();
    assert_eq!(told_by, 1, "{:#}", program.status());
    assert!(program.ctl(&["resize", "0", "--wait"]).status.success());
    // Nobody is accepted.
    let waiting: Vec<_> = (0..3).map(|_| program.connect()).collect();
    eventually("three in the kernel", || {
        let rows = rows(&program.status());
        let queued = rows.iter().filter_map(|row| row["queue"].as_u64());
        (queued.sum::<u64>() == 3).then_some(())
    });
    assert_eq!(rows(&program.status()).len(), 1);
    drop(waiting);
}

#[test]
fn h17_threads_are_named_by_role_and_index_and_the_process_keeps_its_name() {
    let program = Program::start(&["--cores", "2", "--core-slots", "3"]);
    let pid = program.status()["pid"].as_u64().unwrap();
    let names = || -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            let path = task.ok()?.path().join("comm");
            Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
        };
        let mut names: Vec<_> = tasks.filter_map(name).collect();
        names.sort();
        names
    };
    assert_eq!(
        names(),
        ["rg-coord", "rg-core-0", "rg-core-1", "rg-log", "ringgate"]
    );
    assert!(program.ctl(&["resize", "3", "--wait"]).status.success());
    assert!(names().contains(&"rg-core-2".to_owned()));
    let unique: BTreeSet<_> = names().into_iter().collect();
    assert_eq!(unique.len(), names().len());
    // The longest index there can be fits into the kernel's 15 bytes (proc_pid_comm(5)).
    assert!(format!("rg-core-{}", ringgate::config::CORES_MAX).len() <= 15);
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(comm.trim(), "ringgate");
}

#[test]
fn h14_ctl_limits_changes_what_is_named_and_refuses_what_start_would() {
    let program = Program::start(&["--max-threads", "1", "--max-accepts", "9"]);
    let mut streams: Vec<_> = (0..3).map(|_| begin(&program)).collect();
    eventually("one runs", || {
        (requests(&program, "pending") == 2).then_some(())
    });
    let refused = program.ctl(&["limits", "--max-threads", "9"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        text.contains("max_accepts = 9 is not greater than max_threads = 9"),
        "{text}"
    );
    let usage = program.ctl(&["limits", "--max-threads", "0"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(
        program.ctl(&["limits"]).status.code() == Some(2),
        "nothing is named"
    );
    assert_eq!(program.status()["limits"]["max_threads"], 1);
    assert!(
        program
            .ctl(&["limits", "--max-threads", "3"])
            .status
            .success()
    );
    eventually("all run", || {
        (requests(&program, "running") == 3).then_some(())
    });
    let status = program.status();
    assert_eq!(status["limits"]["max_threads"], 3);
    assert_eq!(status["limits"]["max_accepts"], 9);
    let none = ["limits", "--max-threads", "none", "--max-accepts", "none"];
    assert!(program.ctl(&none).status.success());
    assert!(program.status()["limits"]["max_threads"].is_null());
    streams.iter_mut().for_each(end);
}
