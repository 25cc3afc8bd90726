//! The access log of a program that runs: rotation, upgrades, an output that stalls, the end.

use crate::common::{BINARY, Directory, Program, connect, eventually, ringgate, under};
use crate::upgrade::{Lineage, Load};
use ringgate::runtime::sys::signals::Signal;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A program that writes its access log to this file of its directory.
fn start(name: &str, args: &[&str]) -> Program {
    start_in(Directory::new(), name, args)
}

fn start_in(directory: Directory, name: &str, args: &[&str]) -> Program {
    let path = directory.path(name);
    let args = [&["--access-log", utf8(&path)], args].concat();
    let mut program = Program::spawn(ringgate(), directory, &args, true);
    program.wait_listening();
    program
}

/// The file, once it holds so many lines.
#[track_caller]
fn lines(path: &Path, count: usize) -> Vec<String> {
    let text = eventually("the lines", || {
        let text = fs::read_to_string(path).unwrap_or_default();
        (text.ends_with('\n') && text.lines().count() >= count).then_some(text)
    });
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), count, "{text}");
    lines
}

#[test]
fn usr1_opens_the_file_of_the_access_log_again() {
    let program = start("access.log", &[]);
    let (path, old) = (
        program.directory.path("access.log"),
        program.directory.path("access.log.1"),
    );
    program.get("/plaintext?before");
    lines(&path, 1);
    fs::rename(&path, &old).expect("renamed");
    program.signal(Signal::Usr1);
    eventually("a new file", || path.exists().then_some(()));
    program.get("/plaintext?after");
    assert!(lines(&path, 1)[0].contains("?after"));
    assert!(lines(&old, 1)[0].contains("?before"));
}

#[test]
fn a_stop_writes_the_last_lines_also_those_of_requests_that_it_cuts() {
    let mut program = start("access.log", &["--access-log-format", "json"]);
    let path = program.directory.path("access.log");
    let mut client = program.connect();
    write!(client, "GET /sleep?ms=60000 HTTP/1.1\r\nHost: test\r\n\r\n").expect("sent");
    eventually("it runs", || {
        (program.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    program.get("/plaintext");
    program.signal(Signal::Int);
    assert_eq!(program.exit_code(), Some(0));
    let text = fs::read_to_string(&path).expect("a file");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(
        (&lines[0]["target"], &lines[0]["status"]),
        (&"/plaintext".into(), &200.into())
    );
    let cut = &lines[1];
    assert_eq!(
        (&cut["status"], &cut["reason"]),
        (&499.into(), &"forced".into()),
        "{cut}"
    );
    assert_eq!(cut["aborted"], true);
}

#[test]
fn a_pipe_that_nobody_reads_stalls_no_core_and_holds_up_no_end() {
    let directory = Directory::new();
    let path = directory.path("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo runs").success());
    let mut program = start_in(directory, "pipe", &["--core-slots", "1"]);
    let agent = "x".repeat(8000);
    let request = format!("GET /plaintext HTTP/1.1\r\nHost: test\r\nUser-Agent: {agent}\r\n\r\n");
    let mut client = program.connect();
    let mut answer = [0; 400];
    let dropped = |program: &Program| program.status()["access_log"]["dropped"].as_u64();
    // More than pipe, queue and batch hold.
    for _ in 0..700 {
        client.write_all(request.as_bytes()).expect("sent");
        let count = client.read(&mut answer).expect("an answer at once");
        assert!(answer[..count].starts_with(b"HTTP/1.1 200 "));
    }
    assert!(dropped(&program).expect("a count") > 0);
    program.signal(Signal::Int);
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn lines_of_two_processes_do_not_mix_in_an_upgrade_and_none_is_lost() {
    let server = Lineage::of(start("access.log", &["--cores", "2"]));
    let path = server.directory.path("access.log");
    let load = Load::start(&server.address);
    for _ in 0..2 {
        load.wait_for_answers(50);
        server.upgrade(&[]);
    }
    load.wait_for_answers(50);
    // Each of its clients asks once more.
    let answered = load.end() + 6;
    for line in lines(&path, answered as usize) {
        assert!(
            line.starts_with("127.0.0.1 - - [")
                && line.ends_with(r#"] "GET /plaintext HTTP/1.1" 200 13 "-" "-""#),
            "{line}"
        );
    }
}

#[test]
fn lines_go_to_standard_error_beside_those_of_the_server() {
    let mut program = Program::start(&["--access-log", "stderr"]);
    program.get("/plaintext");
    let line = program.wait_line("GET /plaintext");
    assert!(
        line.starts_with("127.0.0.1 - - [") && line.ends_with(r#"200 13 "-" "-""#),
        "{line}"
    );
}

#[test]
fn a_place_that_cannot_be_had_refuses_the_start_with_the_cure() {
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--control",
        "none",
        "--access-log",
        "/nowhere/log",
    ];
    let output = under(&[]).args(args).output().expect(BINARY);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("/nowhere/log") && said.contains("make its directory first"),
        "{said}"
    );
}

#[test]
fn a_reload_changes_how_lines_look_for_the_requests_that_follow() {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    let log = directory.path("access.log");
    let write = |format: &str| {
        let text = format!(
            "access_log = {:?}\naccess_log_format = \"{format}\"\n",
            utf8(&log)
        );
        fs::write(&file, text).expect("written");
    };
    write("combined");
    let args = ["--config", utf8(&file)];
    let mut program = Program::spawn(ringgate(), directory, &args, true);
    program.wait_listening();
    connect(&program.address);
    program.get("/plaintext");
    lines(&log, 1);
    write("json");
    assert!(program.ctl(&["reload"]).status.success());
    program.get("/plaintext");
    assert!(lines(&log, 2)[1].starts_with(r#"{"time":""#));
}

/// Runs a program whose standard error is the journal, and says so as systemd does for its services.
const INTO_THE_JOURNAL: &str = r#"
JOURNAL_STREAM=$(stat --dereference --format=%d:%i /proc/self/fd/2) exec "$0" "$@"
"#;

#[test]
#[ignore = "needs root and systemd-journald: apt-get install systemd"]
fn a_real_journal_has_the_lines_of_the_server_with_their_priority() {
    let run = |args: &[&str], code: i32| {
        let directory = Directory::new();
        let journal = directory.path("journal");
        let into = [
            "systemd-cat",
            "--identifier=ringgate",
            "sh",
            "-c",
            INTO_THE_JOURNAL,
        ];
        let namespace = ["unshare", "--mount", "sh", "-c", WITH_A_JOURNAL, "sh"];
        let mut command = under(&[&namespace[..], &into].concat());
        command.env("JOURNAL", &journal);
        let mut program = Program::spawn(command, directory, args, true);
        if code == 0 {
            eventually("it serves", || {
                program.ctl(&["status"]).status.success().then_some(())
            });
            program.ctl(&["drain"]);
        }
        assert_eq!(program.exit_code(), Some(code));
        let kept = fs::read_to_string(&journal).expect("what the journal has");
        let entry = |line: &str| -> (String, String) {
            let entry: serde_json::Value = serde_json::from_str(line).expect("an entry");
            let text = |name: &str| entry[name].as_str().expect("text").to_owned();
            (text("PRIORITY"), text("MESSAGE"))
        };
        kept.lines().map(entry).collect::<Vec<_>>()
    };
    let served = run(&[], 0);
    assert!(served.len() > 3, "{served:?}");
    for (priority, message) in &served {
        // "2026-11-21T18:30:00.123Z INFO  message"
        assert!(message.starts_with('2'), "{message}");
        let expected = if message.contains(" WARN ") { "4" } else { "6" };
        assert_eq!(priority, expected, "{message}");
    }
    let refused = run(&["--body-size", "much"], 2);
    assert!(!refused.is_empty());
    for (priority, message) in &refused {
        assert_eq!(priority, "3", "{message}");
        assert!(!message.starts_with('<'), "{message}");
    }
}

/// Runs a journald of systemd of its own in a mount namespace, then the program, and writes down what the journal has.
const WITH_A_JOURNAL: &str = r#"
mount -t tmpfs none /run && mount -t tmpfs none /var/log && mkdir -p /run/systemd/journal /run/log/journal || exit 9
/lib/systemd/systemd-journald 2>/dev/null &
journald=$!
until [ -S /run/systemd/journal/socket ]; do kill -0 "$journald" || exit 9; sleep 0.02; done
"$@" &
wait $!
status=$?
journalctl --sync && journalctl --output=json SYSLOG_IDENTIFIER=ringgate >"$JOURNAL" || status=9
kill "$journald"
exit "$status"
"#;

#[test]
#[ignore = "needs root and systemd-journald: apt-get install systemd"]
fn a_real_journal_has_each_line_whole_under_the_name_of_the_program() {
    let directory = Directory::new();
    let journal = directory.path("journal");
    let mut command = under(&["unshare", "--mount", "sh", "-c", WITH_A_JOURNAL, "sh"]);
    command.env("JOURNAL", &journal);
    let mut program = Program::spawn(command, directory, &["--access-log", "journald"], true);
    program.wait_listening();
    program.get("/plaintext?first=1");
    program.get("/nowhere");
    program.ctl(&["drain"]);
    assert_eq!(program.exit_code(), Some(0));
    let kept = fs::read_to_string(&journal).expect("what the journal has");
    let entries: Vec<serde_json::Value> = kept
        .lines()
        .map(|entry| serde_json::from_str(entry).expect("an entry"))
        .collect();
    assert_eq!(entries.len(), 2, "{kept}");
    for (entry, said) in entries.iter().zip([
        "\"GET /plaintext?first=1 HTTP/1.1\" 200 13",
        "\"GET /nowhere HTTP/1.1\" 404",
    ]) {
        let message = entry["MESSAGE"].as_str().expect("a message");
        assert!(message.starts_with("127.0.0.1 - - ["), "{message}");
        assert!(message.contains(said), "{message}");
        assert_eq!(entry["PRIORITY"], "6");
        // Journald looks it up, and on a busy machine the process has ended by then.
        let comm = &entry["_COMM"];
        assert!(comm.is_null() || comm == "ringgate", "{comm}");
    }
}

/// Asks until lines were dropped, and says how many were written and dropped by then.
#[track_caller]
fn until_dropped(program: &Program) -> (u64, u64) {
    eventually("dropped lines", || {
        program.get("/plaintext");
        let log = program.status()["access_log"].clone();
        let figure = |name: &str| log[name].as_u64().expect("a count");
        (figure("dropped") > 0).then(|| (figure("written"), figure("dropped")))
    })
}

#[test]
fn logs_at_the_limit_of_file_sizes_lose_lines_and_the_server_goes_on() {
    let directory = Directory::new();
    let (path, log) = (directory.path("access.log"), directory.path("log"));
    // Both have reached it.
    for full in [&path, &log] {
        fs::write(full, vec![b'\n'; 4096]).expect("written");
    }
    let wrapper = ["prlimit", "--fsize=4096:4096"];
    let args = ["--access-log", utf8(&path), "--log-file", utf8(&log)];
    let mut program = Program::spawn(under(&wrapper), directory, &args, true);
    eventually("a server", || program.control().exists().then_some(()));
    // Nothing says where it listens but its status.
    let address = &program.status()["listeners"][0]["address"];
    program.address = address.as_str().expect("an address").to_owned();
    let (written, _) = until_dropped(&program);
    assert_eq!(written, 0);
    // A file with room takes lines again.
    fs::rename(&path, program.directory.path("access.log.1")).expect("renamed");
    program.signal(Signal::Usr1);
    eventually("a new file", || path.exists().then_some(()));
    program.get("/plaintext?after");
    eventually("the line", || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        text.contains("?after").then_some(())
    });
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
}
