//! HUP and `ctl reload`: the configuration is read again, as a whole or not at all; USR1 opens the
//! log file again.

use crate::common::{Directory, Program, ctl, eventually, read_greetings, read_some, ringgate};
use crate::upgrade::{Lineage, script};
use ringgate::config::Config;
use ringgate::runtime::sys::signals::Signal;
use ringgate::{Request, Router, Server};
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A server whose file is this.
fn with_file(text: &str, args: &[&str]) -> (Program, PathBuf) {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap().to_owned();
    let args: Vec<&str> = ["--config", &name].iter().chain(args).copied().collect();
    let mut program = Program::spawn(ringgate(), directory, &args, true);
    let line = program.wait_line("listening on http://");
    let (_, rest) = line.split_once("http://").unwrap();
    program.address = rest.split_whitespace().next().unwrap().to_owned();
    (program, file)
}

/// Reloads, which is refused for this reason.
#[track_caller]
fn refused(program: &Program, texts: &[&str]) {
    let output = program.ctl(&["reload"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    for text in texts {
        assert!(error.contains(text), "{text:?} in {error}");
    }
}

#[test]
fn limits_and_timeouts_change_under_connections_that_live_on() {
    let (program, file) = with_file("idle_timeout = \"60s\"\nmax_threads = 7\n", &[]);
    let mut waiting = program.connect();
    waiting
        .write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    read_greetings(&mut waiting, 1);
    let mut kept = program.connect();
    fs::write(
        &file,
        "idle_timeout = \"300ms\"\nmax_threads = 3\nmax_accepts = 5\n",
    )
    .unwrap();
    assert!(program.ctl(&["reload"]).status.success());
    let status = program.status();
    assert_eq!(status["limits"]["max_threads"], 3);
    assert_eq!(status["limits"]["max_accepts"], 5);
    // The one that is waiting already ends after the new time, measured from its last answer.
    let began = Instant::now();
    assert_eq!(read_some(&mut waiting, &mut [0]), 0, "closed for idleness");
    assert!(began.elapsed() < Duration::from_secs(20));
    // And longer again, for a new one.
    drop(kept);
    fs::write(&file, "idle_timeout = \"60s\"\n").unwrap();
    assert!(program.ctl(&["reload"]).status.success());
    assert_eq!(
        program.status()["limits"]["max_threads"],
        serde_json::Value::Null
    );
    kept = program.connect();
    kept.write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    read_greetings(&mut kept, 1);
    kept.set_read_timeout(Some(Duration::from_millis(600)))
        .unwrap();
    let still_open = kept.read(&mut [0]).unwrap_err();
    assert_eq!(still_open.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_bad_file_is_refused_with_file_key_and_value_and_the_old_one_stays() {
    let good = "max_threads = 7\n";
    let (mut program, file) = with_file(good, &[]);
    fs::write(&file, "max_threads = 9\nidle_timeout = \"soon\"\n").unwrap();
    refused(&program, &["ringgate.toml:2", "idle_timeout", "soon"]);
    program.wait_line("idle_timeout");
    assert_eq!(
        program.status()["limits"]["max_threads"],
        7,
        "nothing of it"
    );
    program.signal(Signal::Hup);
    let line = program.wait_line("idle_timeout");
    assert!(
        line.contains("ERROR") && line.contains("stays as it was"),
        "{line}"
    );
    fs::remove_file(&file).unwrap();
    refused(&program, &["cannot read", "ringgate.toml"]);
    fs::write(&file, "max_threads = 9\nmax_accepts = 9\n").unwrap();
    refused(&program, &["max_accepts", "9"]);
    fs::write(&file, good).unwrap();
    assert!(program.ctl(&["reload"]).status.success());
}

#[test]
fn what_cannot_change_live_is_refused_by_name_and_nothing_else_changes() {
    let (program, file) = with_file("max_threads = 7\n", &[]);
    fs::write(&file, "max_threads = 9\nbuffers = 64\nroot = \"/srv\"\n").unwrap();
    refused(&program, &["root, buffers", "upgrade or restart"]);
    assert_eq!(program.status()["limits"]["max_threads"], 7);
    fs::write(&file, "max_threads = 7\n").unwrap();
    // Flags go over the file as they did at the start.
    fs::write(&file, "cores = 4\n").unwrap();
    assert!(program.ctl(&["reload"]).status.success());
    assert_eq!(program.status()["cores"].as_array().unwrap().len(), 1);
}

#[test]
fn a_resize_by_hand_survives_a_reload() {
    let (program, file) = with_file("idle_timeout = \"60s\"\n", &["--core-slots", "3"]);
    assert!(program.ctl(&["resize", "3", "--wait"]).status.success());
    fs::write(&file, "idle_timeout = \"50s\"\n").unwrap();
    assert!(program.ctl(&["reload"]).status.success());
    assert_eq!(program.status()["cores"].as_array().unwrap().len(), 3);
}

#[test]
fn the_log_level_changes_with_hup_and_usr1_opens_the_log_file_again() {
    let directory = Directory::new();
    let log = directory.path("log");
    let file = directory.path("ringgate.toml");
    fs::write(&file, "log_level = \"warn\"\n").unwrap();
    let (config, to) = (file.to_str().unwrap(), log.to_str().unwrap());
    let args = ["--config", config, "--log-file", to];
    let program = Program::spawn(ringgate(), directory, &args, false);
    let has = |path: &std::path::Path, text: &str| {
        let found = fs::read_to_string(path).unwrap_or_default();
        found.contains(text).then_some(())
    };
    eventually("a control socket", || {
        program.control().exists().then_some(())
    });
    fs::write(&file, "log_level = \"info\"\n").unwrap();
    eventually("a server", || {
        program.ctl(&["status"]).status.success().then_some(())
    });
    program.signal(Signal::Hup);
    eventually("a line", || has(&log, "is in force"));
    assert!(has(&log, "Hup").is_none(), "that came before, below `warn`");
    let old = program.directory.path("log.1");
    fs::rename(&log, &old).unwrap();
    program.signal(Signal::Usr1);
    eventually("the file under its name", || log.exists().then_some(()));
    program.signal(Signal::Hup);
    eventually("a line in the new file", || has(&log, "is in force"));
}

#[test]
fn cores_that_run_are_replaced_after_as_many_accepts_as_a_reload_says() {
    let (program, file) = with_file("cores = 1\n", &[]);
    let visit = || {
        let mut stream = program.connect();
        stream
            .write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        read_greetings(&mut stream, 1);
    };
    // The place of the one core that there is: its replacement has another.
    let place = || {
        let status = program.status();
        let cores = status["cores"].as_array().unwrap();
        match &cores[..] {
            [only] if only["state"] == "running" => Some(only["index"].clone()),
            _ => None,
        }
    };
    let first = eventually("it runs", place);
    (0..10).for_each(|_| visit());
    fs::write(&file, "cores = 1\naccepts = 4\n").unwrap();
    assert!(program.ctl(&["reload"]).status.success());
    eventually("a replacement", || {
        visit();
        place().filter(|place| *place != first)
    });
    // One that was to be replaced after a few more is not any longer.
    fs::write(&file, "cores = 1\n").unwrap();
    assert!(program.ctl(&["reload"]).status.success());
    let last = eventually("one core is left", place);
    (0..10).for_each(|_| visit());
    assert_eq!(place(), Some(last));
}

#[test]
fn an_upgrade_that_goes_on_is_given_up_after_the_timeout_that_a_reload_says() {
    let (program, file) = with_file("upgrade_timeout = \"10m\"\n", &[]);
    let begun = program.directory.path("begun");
    let late = script(
        &program,
        &format!("touch {}; exec sleep 600", begun.display()),
    );
    let control = program.control();
    let upgrade = std::thread::spawn(move || {
        let late = late.to_str().unwrap();
        ctl(&control, &["upgrade", "--binary", late])
    });
    eventually("the other program runs", || begun.exists().then_some(()));
    fs::write(&file, "upgrade_timeout = \"1s\"\n").unwrap();
    assert!(program.ctl(&["reload"]).status.success());
    eventually("it is given up", || upgrade.is_finished().then_some(()));
    let output = upgrade.join().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("within upgrade_timeout (1s)"), "{error}");
    assert_eq!(program.status()["phase"], "running");
}

#[test]
fn a_reload_is_refused_where_the_program_panics_as_it_reads_its_configuration() {
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        cores: "1".parse().unwrap(),
        ..Config::default()
    };
    let reload = |request: Request| async move {
        let result = request.server().reload().await;
        result.err().unwrap_or_default()
    };
    let router = Router::new().get("/reload", reload);
    let server = Server::new(config, router).with_reload(|| panic!("half a file"));
    let running = server.start().unwrap();
    let address = running.handle().wait_status().unwrap().listeners[0]
        .address
        .clone();
    for _ in 0..2 {
        let answer = crate::common::get(&address, "/reload");
        assert!(
            answer.contains("what reads the configuration panicked: half a file"),
            "{answer}"
        );
    }
    running.handle().stop();
    running.join();
}

/// A child of process `parent` that is stopped.
fn stopped_child(parent: u32) -> Option<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let stats =
        processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    stats.into_iter().find_map(|stat| {
        // Behind the name: the state, and the number of the parent (proc(5)).
        let (before, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let (state, of) = (fields.next()?, fields.next()?);
        let is_it = state == "T" && of.parse() == Ok(parent);
        is_it
            .then(|| before.split_once(' ')?.0.parse().ok())
            .flatten()
    })
}

#[test]
fn a_reload_and_a_rotation_during_an_upgrade_reach_the_process_that_takes_over() {
    let directory = Directory::new();
    let (file, log) = (directory.path("ringgate.toml"), directory.path("log"));
    fs::write(&file, "max_threads = 7\n").unwrap();
    let names = [&file, &log].map(|path| path.to_str().unwrap());
    let args = ["--config", names[0], "--log-file", names[1]];
    let program = Lineage::of(Program::spawn(ringgate(), directory, &args, true));
    let status = || program.ctl(&["status", "--json"]);
    eventually("a server", || status().status.success().then_some(()));
    let pid = program.status()["pid"].as_u64().unwrap() as u32;
    let text = format!(
        "RINGGATE_STOP_AT=before-ready exec {} \"$@\"",
        crate::common::BINARY
    );
    let binary = script(&program, &text);
    let control = program.control();
    let words = ["upgrade", "--binary", binary.to_str().unwrap()];
    std::thread::scope(|scope| {
        let upgrade = scope.spawn(|| ctl(&control, &words));
        // It has read the configuration and opened the log.
        let newer = eventually("a new process", || stopped_child(pid));
        fs::write(&file, "max_threads = 3\n").unwrap();
        fs::rename(&log, program.directory.path("rotated")).unwrap();
        program.signal(Signal::Usr1);
        program.signal(Signal::Hup);
        eventually("the old one", || {
            (log.exists() && program.status()["limits"]["max_threads"] == 3).then_some(())
        });
        let newer = rustix::process::Pid::from_raw(newer as i32).unwrap();
        rustix::process::kill_process(newer, rustix::process::Signal::CONT).unwrap();
        let output = upgrade.join().unwrap();
        assert!(output.status.success(), "{output:?}");
    });
    eventually("the new one", || {
        let status = program.status();
        (status["pid"] != pid && status["limits"]["max_threads"] == 3).then_some(())
    });
    eventually("its log", || {
        let text = fs::read_to_string(&log).unwrap();
        text.contains("this process has taken over").then_some(())
    });
}
