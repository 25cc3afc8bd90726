//! Row M12: what the server tells while it works, as lines on the control socket and to callbacks.

use crate::common::{PATIENCE, Program, ctl, eventually};
use ringgate::config::Config;
use ringgate::runtime::sys::signals::Signal;
use ringgate::{Router, Server, ServerEvent};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;

/// A reader of `events`, whose request is answered.
pub(crate) fn subscribe(program: &Program) -> Lines<BufReader<UnixStream>> {
    let mut stream = UnixStream::connect(program.control()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"events\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next().unwrap().unwrap(), r#"{"ok":true}"#);
    lines
}

/// The next event of this name.
#[track_caller]
pub(crate) fn next(lines: &mut Lines<BufReader<UnixStream>>, name: &str) -> Value {
    loop {
        let line = lines.next().expect("the stream goes on").expect("a line");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        assert!(event["time"].is_string(), "{line}");
        if event["event"] == name {
            return event;
        }
    }
}

#[test]
fn m12_the_life_of_a_server_can_be_followed_on_the_control_socket() {
    let mut program = Program::start(&["--core-slots", "2"]);
    let mut lines = subscribe(&program);
    assert!(program.ctl(&["resize", "2", "--wait"]).status.success());
    assert_eq!(next(&mut lines, "resize")["cores"], 2);
    assert_eq!(next(&mut lines, "spawn")["core"], 1);
    assert_eq!(next(&mut lines, "arm")["core"], 1);
    program.status();
    assert_eq!(next(&mut lines, "wait")["cores"], 2);
    let beats = [next(&mut lines, "heartbeat"), next(&mut lines, "heartbeat")];
    let mut cores = beats.map(|beat| beat["core"].as_u64());
    cores.sort_unstable();
    assert_eq!(cores, [Some(0), Some(1)]);
    assert!(program.ctl(&["resize", "1"]).status.success());
    assert_eq!(next(&mut lines, "disarm")["core"], 1);
    let reaped = next(&mut lines, "reap");
    assert_eq!(
        (&reaped["core"], &reaped["failed"]),
        (&1.into(), &false.into())
    );
    program.signal(Signal::Quit);
    assert_eq!(next(&mut lines, "finish")["graceful"], true);
    assert_eq!(next(&mut lines, "reap")["core"], 0);
    assert!(lines.next().is_none(), "the server ended");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn m12_a_reader_that_takes_nothing_is_told_how_much_it_lost() {
    let program = Program::start(&[]);
    let mut lines = subscribe(&program);
    // Each is an event; what the socket and the inbox do not hold is lost.
    let mut control = UnixStream::connect(program.control()).unwrap();
    control.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = BufReader::new(control.try_clone().unwrap()).lines();
    let count = 4000;
    for _ in 0..count {
        control.write_all(b"resize 1\n").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), r#"{"ok":true}"#);
    }
    let mut seen = 0;
    let lost = loop {
        let line = lines.next().unwrap().unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        match event["event"].as_str() {
            Some("lost") => break event["count"].as_u64().unwrap(),
            Some("resize") => seen += 1,
            _ => {}
        }
    };
    assert!(lost > 0 && seen + lost == count, "{seen} seen, {lost} lost");
    assert_eq!(program.status()["phase"], "running");
}

#[test]
fn m12_a_program_hears_the_same_in_callbacks() {
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        cores: "1".parse().unwrap(),
        ..Config::default()
    };
    let (sender, events) = channel();
    let server = Server::new(config, Router::new()).on_event(move |event| {
        let _ = sender.send(event.clone());
    });
    let running = server.start().unwrap();
    running.handle().wait_status().unwrap();
    running.handle().drain();
    running.join();
    let events: Vec<ServerEvent> = events.into_iter().collect();
    let place = |wanted: ServerEvent| {
        let place = events.iter().position(|event| *event == wanted);
        place.unwrap_or_else(|| panic!("no {wanted:?} in {events:?}"))
    };
    let (core, failed, cut) = (0, false, 0);
    let order = [
        place(ServerEvent::Spawn { core }),
        place(ServerEvent::Arm { listener: 0, core }),
        place(ServerEvent::Wait { cores: 1 }),
        place(ServerEvent::Heartbeat { core }),
        place(ServerEvent::Finish { graceful: true }),
        place(ServerEvent::Reap { core, failed, cut }),
    ];
    assert!(order.is_sorted(), "{events:?}");
}

#[test]
fn events_are_lines_for_people_too() {
    let mut program = Program::start(&[]);
    let output = std::thread::scope(|scope| {
        let path = program.control();
        let reading = scope.spawn(move || ctl(&path, &["events"]));
        eventually("an event that was seen", || {
            // Until the reader has subscribed nothing is heard.
            assert!(program.ctl(&["resize", "1"]).status.success());
            let connected = std::fs::read_to_string("/proc/net/unix").unwrap();
            let path = program.control().display().to_string();
            (connected.matches(&path).count() > 1).then_some(())
        });
        assert!(program.ctl(&["resize", "1"]).status.success());
        assert!(program.ctl(&["stop"]).status.success());
        reading.join().unwrap()
    });
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(" finish graceful false\n"), "{text}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(program.exit_code(), Some(0));
}
