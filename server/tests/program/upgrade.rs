//! USR2 and `ctl upgrade`: a new process takes over, and no client sees it.

use crate::common::{
    BINARY, Program, assert_balanced, connect, eventually, get, read_greetings, read_some,
};
use crate::events::{next, subscribe};
use ringgate::runtime::sys::signals::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A server whose later generations are stopped with it.
pub(crate) struct Lineage(Program);

impl Lineage {
    pub(crate) fn start(args: &[&str]) -> Lineage {
        Lineage(Program::start(args))
    }

    pub(crate) fn of(program: Program) -> Lineage {
        Lineage(program)
    }

    pub(crate) fn serving_pid(&self) -> u64 {
        self.0.status()["pid"].as_u64().expect("a pid")
    }

    /// Upgrades and answers the new pid.
    #[track_caller]
    pub(crate) fn upgrade(&self, args: &[&str]) -> u64 {
        let before = self.serving_pid();
        let words: Vec<&str> = ["upgrade"].iter().chain(args).copied().collect();
        let output = self.0.ctl(&words);
        assert!(output.status.success(), "{output:?} {:#?}", self.0.seen);
        let after = self.serving_pid();
        assert_ne!(before, after);
        assert_eq!(output.stdout, format!("pid {after} serves\n").into_bytes());
        after
    }
}

impl Deref for Lineage {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.0
    }
}

impl DerefMut for Lineage {
    fn deref_mut(&mut self) -> &mut Program {
        &mut self.0
    }
}

impl Drop for Lineage {
    fn drop(&mut self) {
        self.0.ctl(&["stop"]);
    }
}

pub(crate) fn ask(stream: &mut TcpStream) {
    stream
        .write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n")
        .expect("sent");
    read_greetings(stream, 1);
}

/// Sends a request that runs until the rest of its body comes, which is `lf`.
pub(crate) fn begin(stream: &mut TcpStream) {
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nha")
        .expect("sent");
}

#[test]
fn a_new_process_takes_over_and_idle_connections_keep_their_sockets() {
    let mut server = Lineage::start(&["--cores", "2", "--graceful-timeout", "60s"]);
    let mut events = subscribe(&server);
    let mut kept: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    kept.iter_mut().for_each(ask);
    let mut halves: Vec<TcpStream> = (0..10).map(|_| server.connect()).collect();
    for half in &mut halves {
        ask(half);
        half.write_all(b"GET /plaintext HTTP/1.1\r\nHo").unwrap();
    }
    let fresh = server.connect();
    eventually("all connections", || {
        (server.status()["totals"]["connections"]["open"] == 31).then_some(())
    });
    let pid = server.upgrade(&[]);
    assert_ne!(pid, u64::from(server.pid()));
    for step in ["started", "ready", "done"] {
        let event = next(&mut events, "upgrade");
        assert_eq!((&event["step"], &event["pid"]), (&step.into(), &pid.into()));
    }
    assert_eq!(server.exit_code(), Some(0), "the old one has nothing left");
    let last_word = server.wait_line("connections accepted=31");
    let mut figures = last_word
        .split_whitespace()
        .filter_map(|word| word.split_once('='));
    assert_eq!(
        figures.find(|(name, _)| *name == "passed_on"),
        Some(("passed_on", "31"))
    );
    kept.iter_mut().for_each(ask);
    for half in &mut halves {
        half.write_all(b"st: test\r\n\r\n").unwrap();
        read_greetings(half, 1);
    }
    drop(fresh);
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
    let status = server.status();
    assert_balanced(&status);
    let connections = &status["totals"]["connections"];
    assert_eq!(connections["inherited"], 31);
    assert_eq!(connections["accepted"], 1, "nobody connected again");
    assert_eq!(status["generations"].as_array().unwrap().len(), 1);
}

#[test]
fn connections_that_hold_slots_hold_them_in_the_new_process_too() {
    let limits = ["--admit", "connection", "--max-threads", "2"];
    let server = Lineage::start(&limits);
    let mut kept = [server.connect(), server.connect()];
    kept.iter_mut().for_each(ask);
    server.upgrade(&[]);
    eventually("both have moved", || {
        (server.status()["totals"]["connections"]["open"] == 2).then_some(())
    });
    assert_eq!(server.status()["gate"]["slots_taken"], 2);
    let mut answer = [0; 12];
    let mut third = server.connect();
    third.read_exact(&mut answer).expect("an answer unasked");
    assert_eq!(&answer, b"HTTP/1.1 503");
    kept.iter_mut().for_each(ask);
    drop(kept);
    eventually("the slots are back", || {
        (server.status()["gate"]["slots_taken"] == 0).then_some(())
    });
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
}

#[test]
fn connections_that_wait_for_a_slot_go_along_and_wait_on_in_their_order() {
    let limits = ["--admit", "connection", "--max-threads", "2"];
    let more = ["--max-accepts", "unbounded", "--cores", "1"];
    let mut server = Lineage::start(&[limits, more].concat());
    let mut kept = [server.connect(), server.connect()];
    kept.iter_mut().for_each(ask);
    let at_gate = |server: &Lineage, waiting: u64| {
        let gate = &server.status()["gate"];
        (gate["slots_taken"] == 2 && gate["waiting"] == waiting).then_some(())
    };
    let mut waiting = Vec::new();
    for nth in 1..=3 {
        let mut client = server.connect();
        client
            .write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n")
            .expect("sent");
        waiting.push(client);
        eventually("one more waits", || at_gate(&server, nth));
    }
    server.upgrade(&[]);
    assert_eq!(server.exit_code(), Some(0), "the old one has nothing left");
    eventually("all wait on", || at_gate(&server, 3));
    // Each slot that comes free is the next one's.
    let mut held: Vec<TcpStream> = kept.into_iter().collect();
    for (left, mut client) in (0..3).rev().zip(waiting) {
        drop(held.remove(0));
        read_greetings(&mut client, 1);
        eventually("the others wait", || at_gate(&server, left));
        held.push(client);
    }
    assert_eq!(server.status()["totals"]["connections"]["inherited"], 5);
}

#[test]
fn what_runs_is_finished_by_the_old_process_and_then_moves() {
    let mut server = Lineage::start(&["--graceful-timeout", "60s"]);
    let old = server.serving_pid();
    let mut busy = server.connect();
    begin(&mut busy);
    eventually("a running request", || {
        (server.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    let new = server.upgrade(&[]);
    let generations = server.status()["generations"].clone();
    assert_eq!(generations.as_array().unwrap().len(), 2, "{generations}");
    assert_eq!(generations[0]["pid"], new);
    assert_eq!(generations[1]["pid"], old);
    assert_eq!(generations[1]["phase"], "draining");
    assert_eq!(generations[1]["open"], 1);
    // An upgrade is allowed meanwhile, and the connection follows to the newest.
    let newest = server.upgrade(&[]);
    busy.write_all(b"lf").unwrap();
    let mut answer = String::new();
    while !answer.ends_with("half") {
        let mut more = [0; 4096];
        let count = read_some(&mut busy, &mut more);
        assert!(count > 0, "{answer}");
        answer += &String::from_utf8_lossy(&more[..count]);
    }
    assert!(!answer.to_lowercase().contains("connection: close"));
    ask(&mut busy);
    assert_eq!(server.exit_code(), Some(0));
    eventually("one generation", || {
        let status = server.status();
        let list = status["generations"].as_array().unwrap();
        (list.len() == 1 && list[0]["pid"] == newest).then_some(())
    });
    assert_eq!(server.status()["totals"]["connections"]["inherited"], 1);
}

#[test]
fn a_stop_of_the_new_process_does_not_bring_the_old_one_back() {
    let mut server = Lineage::start(&["--graceful-timeout", "60s"]);
    let mut busy = server.connect();
    begin(&mut busy);
    eventually("a running request", || {
        (server.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    server.upgrade(&[]);
    assert!(server.ctl(&["stop"]).status.success());
    busy.write_all(b"lf").unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("half"), "{answer}");
    assert_eq!(server.exit_code(), Some(0));
    // The new process ends by itself; whichever is the last, nobody listens then.
    eventually("nobody listens", || {
        TcpStream::connect(&server.address).is_err().then_some(())
    });
}

#[test]
fn usr2_upgrades_and_the_path_of_the_start_may_lead_elsewhere_by_then() {
    let directory = crate::common::Directory::new();
    let link = directory.path("ringgate");
    symlink(crate::common::BINARY, &link).unwrap();
    let script = directory.path("wrapped");
    let text = format!(
        "#!/bin/sh\necho wrapped >&2\nexec {} \"$@\"\n",
        crate::common::BINARY
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let command = std::process::Command::new(&link);
    let mut program = Program::spawn(command, directory, &[], true);
    let line = program.wait_line("listening on http://");
    let (_, rest) = line.split_once("http://").unwrap();
    program.address = rest.split_whitespace().next().unwrap().to_owned();
    let mut server = Lineage(program);
    std::fs::remove_file(&link).unwrap();
    symlink(&script, &link).unwrap();
    server.signal(Signal::Usr2);
    server.wait_line("wrapped");
    server.wait_line("this process has taken over");
    assert_eq!(server.exit_code(), Some(0));
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
}

#[test]
fn more_and_fewer_slots_than_before_all_have_an_owner() {
    let mut server = Lineage::start(&["--cores", "2", "--core-slots", "2"]);
    for slots in ["4", "1", "3"] {
        let script = server.directory.path(&format!("with-{slots}"));
        let text = format!(
            "#!/bin/sh\nRINGGATE_CORE_SLOTS={slots} exec {} --listen {} --control {} --cores 1\n",
            crate::common::BINARY,
            server.address,
            server.control().display()
        );
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        server.upgrade(&["--binary", script.to_str().unwrap()]);
        // Wherever the kernel puts a connection, somebody accepts it.
        for _ in 0..40 {
            assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
        }
        let status = server.status();
        for listener in status["listeners"].as_array().unwrap() {
            assert!(listener["owner_core"].is_u64(), "{status:#}");
        }
    }
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn whoever_connects_to_an_address_that_the_new_configuration_lacks_is_answered_meanwhile_and_refused_in_the_end()
 {
    let mut server = Lineage::start(&["--cores", "2", "--graceful-timeout", "60s"]);
    let mut busy = server.connect();
    begin(&mut busy);
    eventually("a running request", || {
        (server.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    let control = server.control().display().to_string();
    let text = format!("exec {BINARY} --listen 127.0.0.2:0 --control {control} --cores 1");
    let elsewhere = script(&server, &text);
    server.upgrade(&["--binary", elsewhere.to_str().unwrap()]);
    // Each of the two listeners of the old process gets some.
    for _ in 0..20 {
        assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
    }
    busy.write_all(b"lf").unwrap();
    assert_eq!(server.exit_code(), Some(0));
    TcpStream::connect(&server.address).expect_err("nobody listens there any more");
}

#[test]
fn a_unix_socket_and_the_metrics_go_over_and_their_files_stay() {
    let directory = crate::common::Directory::new();
    let path = directory.path("http.sock");
    let listen = format!("unix:{}", path.display());
    let args = [
        "--listen",
        &listen,
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        "127.0.0.1:0",
    ];
    let mut program = Program::spawn(crate::common::ringgate(), directory, &args, true);
    let line = program.wait_line("metrics on http://");
    let metrics = line.split_once("http://").unwrap().1.to_owned();
    let mut server = Lineage(program);
    eventually("a server", || server.control().exists().then_some(()));
    for _ in 0..2 {
        server.upgrade(&[]);
        let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        write!(
            stream,
            "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("Hello, World!"), "{answer}");
        assert!(get(&metrics, "/metrics").contains("ringgate_"));
    }
    assert_eq!(server.exit_code(), Some(0));
    assert!(path.exists() && server.control().exists());
    server.ctl(&["stop"]);
    eventually("no files", || {
        (!path.exists() && !server.control().exists()).then_some(())
    });
}

/// How much a test does; more with RINGGATE_TEST_SIZE.
fn size() -> u64 {
    let size = std::env::var("RINGGATE_TEST_SIZE").ok();
    size.and_then(|size| size.parse().ok()).unwrap_or(1)
}

/// Clients that keep their connection or make one for each request, and must see no error.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(address: &str) -> Load {
        let (over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let threads = (0..6).map(|index| {
            let (address, over) = (address.to_owned(), over.clone());
            let answered = answered.clone();
            std::thread::spawn(move || {
                let mut kept = connect(&address);
                let port = kept.local_addr().unwrap();
                while !over.load(Ordering::Relaxed) {
                    match index % 2 {
                        0 => ask(&mut kept),
                        _ => assert!(get(&address, "/plaintext").ends_with("Hello, World!")),
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                ask(&mut kept);
                assert_eq!(
                    kept.local_addr().unwrap(),
                    port,
                    "the same socket to the end"
                );
            })
        });
        let threads = threads.collect();
        Load {
            over,
            answered,
            threads,
        }
    }

    pub(crate) fn wait_for_answers(&self, count: u64) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually("requests go on", || {
            (self.answered.load(Ordering::Relaxed) > before + count).then_some(())
        });
    }

    pub(crate) fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no client saw an error");
        }
        self.answered.load(Ordering::Relaxed)
    }
}

#[test]
fn a_storm_of_upgrades_loses_no_request() {
    let server = Lineage::start(&["--cores", "2", "--idle-timeout", "10m"]);
    let load = Load::start(&server.address);
    let mut pids = vec![server.serving_pid()];
    for _ in 0..6 * size() {
        load.wait_for_answers(50);
        pids.push(server.upgrade(&[]));
    }
    load.wait_for_answers(50);
    load.end();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len() as u64, 6 * size() + 1, "a new pid each time");
    assert_balanced(&server.status());
}

/// A program to upgrade to that does something else before, or instead.
pub(crate) fn script(server: &Program, text: &str) -> PathBuf {
    let path = server.directory.path("other");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// An upgrade that fails for this reason, and changes nothing.
#[track_caller]
pub(crate) fn fails(server: &Program, binary: &str, texts: &[&str]) {
    let before: Value = server.status();
    let output = server.ctl(&["upgrade", "--binary", binary]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    for text in texts {
        assert!(error.contains(text), "{text:?} in {error}");
    }
    let after = server.status();
    assert_eq!(after["pid"], before["pid"]);
    assert_eq!(after["phase"], "running");
}

#[test]
fn limits_and_a_number_of_cores_that_were_set_by_hand_survive_an_upgrade() {
    let server = Lineage::start(&["--core-slots", "3", "--max-threads", "8"]);
    assert!(
        server
            .ctl(&["limits", "--max-threads", "5"])
            .status
            .success()
    );
    assert!(server.ctl(&["resize", "2", "--wait"]).status.success());
    for _ in 0..2 {
        server.upgrade(&[]);
        let status = server.status();
        assert_eq!(status["limits"]["max_threads"], 5);
        assert_eq!(status["pool"]["target"], 2);
        assert_eq!(status["pool"]["auto"], false);
    }
    // A configuration that says something new about them is meant.
    let text = format!("RINGGATE_MAX_ACCEPTS=20 exec {BINARY} \"$@\"");
    let binary = script(&server, &text);
    server.upgrade(&["--binary", binary.to_str().unwrap()]);
    let status = server.status();
    assert_eq!(status["limits"]["max_threads"], 8);
    assert_eq!(status["limits"]["max_accepts"], 20);
    assert_eq!(status["pool"]["target"], 2);
}

/// Upgrades to a server with these flags and this variable besides, where no control socket stays where it was.
fn upgrade_to(server: &Lineage, args: &str, runtime_dir: &Path) {
    let text = format!(
        "XDG_RUNTIME_DIR={} exec {BINARY} --listen {} --cores 1 {args}",
        runtime_dir.display(),
        server.address
    );
    let binary = script(server, &text);
    let output = server.ctl(&["upgrade", "--binary", binary.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?} {:#?}", server.seen);
}

#[test]
fn a_control_socket_of_another_place_is_made_there_and_its_old_file_goes() {
    for in_own_directory in [true, false] {
        let directory = crate::common::Directory::new();
        let runtime_dir = directory.path("run");
        std::fs::create_dir(&runtime_dir).unwrap();
        let mut server = Lineage::start(&[]);
        let old = server.control();
        if !in_own_directory {
            // As /tmp is.
            let shared = old.parent().unwrap();
            std::fs::set_permissions(shared, PermissionsExt::from_mode(0o1777)).unwrap();
        }
        upgrade_to(&server, "", &runtime_dir);
        assert_eq!(server.exit_code(), Some(0));
        assert!(!old.exists(), "nobody is there any more");
        let default = runtime_dir.join("ringgate/control.sock");
        let status = crate::common::ctl(&default, &["status"]);
        assert!(status.stdout.starts_with(b"running, pid "), "{status:?}");
        // Another name beside it.
        let beside = default.with_file_name("beside.sock");
        let text = format!(
            "exec {BINARY} --listen {} --cores 1 --control {}",
            server.address,
            beside.display()
        );
        let binary = script(&server, &text);
        let args = ["upgrade", "--binary", binary.to_str().unwrap()];
        let upgraded = crate::common::ctl(&default, &args);
        assert!(upgraded.status.success(), "{upgraded:?}");
        eventually("the file of the one before is gone", || {
            (!default.exists()).then_some(())
        });
        let stopped = crate::common::ctl(&beside, &["stop"]);
        assert!(stopped.status.success(), "{stopped:?}");
        eventually("no file", || (!beside.exists()).then_some(()));
    }
}

/// A server, the address of its metrics, and a client in the middle of a request.
fn busy_with_metrics() -> (Lineage, String, TcpStream) {
    let directory = crate::common::Directory::new();
    let args = ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let mut program = Program::spawn(crate::common::ringgate(), directory, &args, true);
    program.wait_listening();
    let line = program.wait_line("metrics on http://");
    let metrics = line.split_once("http://").unwrap().1.trim().to_owned();
    let server = Lineage(program);
    let mut busy = server.connect();
    begin(&mut busy);
    (server, metrics, busy)
}

#[test]
fn connections_that_an_older_process_finishes_are_among_the_metrics_of_the_new_one() {
    let (mut server, metrics, mut busy) = busy_with_metrics();
    let older = server.serving_pid();
    assert!(!get(&metrics, "/metrics").contains("ringgate_older_connections{"));
    server.upgrade(&[]);
    let line = format!("ringgate_older_connections{{pid=\"{older}\",phase=\"draining\"}} 1\n");
    eventually("the older process", || {
        get(&metrics, "/metrics").contains(&line).then_some(())
    });
    busy.write_all(b"lf").unwrap();
    assert_eq!(server.exit_code(), Some(0));
    eventually("one process", || {
        let answer = get(&metrics, "/metrics");
        (!answer.contains("ringgate_older_connections{")).then_some(())
    });
}

#[test]
fn scrapes_are_answered_to_its_end_by_a_process_whose_successor_has_other_metrics() {
    let (mut server, metrics, mut busy) = busy_with_metrics();
    let text = format!(
        "exec {BINARY} --listen {} --control {} --cores 1",
        server.address,
        server.control().display()
    );
    let binary = script(&server, &text);
    server.upgrade(&["--binary", binary.to_str().unwrap()]);
    for _ in 0..2 {
        let answer = get(&metrics, "/metrics");
        assert!(
            answer.contains("ringgate_phase{phase=\"draining\"} 1"),
            "{answer}"
        );
    }
    busy.write_all(b"lf").unwrap();
    assert_eq!(server.exit_code(), Some(0));
    TcpStream::connect(&metrics).expect_err("nobody listens there any more");
}

#[test]
fn files_of_unix_sockets_are_there_as_long_as_their_sockets_are_listened_on() {
    let directory = crate::common::Directory::new();
    let [lacked, kept, added, metrics] =
        ["lacked", "kept", "added", "metrics"].map(|name| directory.path(name));
    let unix = |path: &Path| format!("unix:{}", path.display());
    let (listen, scraped) = ([unix(&lacked), unix(&kept)], unix(&metrics));
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--listen",
        &listen[0],
        "--listen",
        &listen[1],
        "--metrics",
        &scraped,
    ];
    let mut program = Program::spawn(crate::common::ringgate(), directory, &args, true);
    program.wait_listening();
    let mut server = Lineage(program);
    let text = format!(
        "exec {BINARY} --listen {} --listen {} --listen {} --metrics {scraped} --control {} --cores 1",
        server.address,
        unix(&kept),
        unix(&added),
        server.control().display()
    );
    let binary = script(&server, &text);
    server.upgrade(&["--binary", binary.to_str().unwrap()]);
    assert_eq!(server.exit_code(), Some(0));
    for path in [&kept, &added, &metrics] {
        std::os::unix::net::UnixStream::connect(path).unwrap();
    }
    assert!(!lacked.exists(), "nobody is there any more");
    server.ctl(&["stop"]);
    for path in [&kept, &added, &metrics] {
        eventually(path, || (!path.exists()).then_some(()));
    }
}
