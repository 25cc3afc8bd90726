//! The examples as programs: each is started, asked over sockets, and ended as any server is.
//!
//! A program built on the library is one of these, too: `ctl`, `check-config`, `doctor`, reload, upgrade and the
//! exit codes under a name of its own.

#[path = "../browser/mod.rs"]
#[expect(dead_code, reason = "the tests of the live page need more of it")]
mod browser;
#[path = "../program/common.rs"]
#[expect(dead_code, reason = "the tests of the program need more of it")]
mod common;
#[path = "../frames/mod.rs"]
mod frames;
mod start;

use browser::in_a_browser;
use common::{Program, connect, eventually};
use frames::{handshake, text};
use ringgate::runtime::sys::signals::Signal;
use start::{ask, example, start};
use std::io::{Read, Write};

#[test]
fn hello_greets_as_its_own_option_says_and_ends_with_0() {
    let mut hello = start("hello", &["--words", "Good day"]);
    let answer = hello.get("/hello/Ada%20L.");
    assert!(answer.contains("\r\n\r\nGood day, Ada L.! Core 0 has greeted 1 times.\n"));
    assert!(hello.get("/readyz").ends_with("ok\n"));
    hello.signal(Signal::Quit);
    assert_eq!(hello.exit_code(), Some(0));
}

#[test]
fn a_program_on_the_library_is_told_asked_and_checked_under_its_own_name() {
    let run = |args: &[&str]| example("hello").args(args).output().expect("it runs");
    let version = run(&["--version"]);
    let expected = format!("hello {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&version.stdout), expected);
    let wrong = run(&["--max-threads", "few"]);
    assert_eq!(wrong.status.code(), Some(2));
    let text = String::from_utf8_lossy(&wrong.stderr);
    assert!(text.starts_with("hello: --max-threads"), "{text}");
    let mut hello = start("hello", &[]);
    let control = hello.control();
    let ctl = |args: &[&str]| {
        let mut command = example("hello");
        command.arg("ctl").args(args).arg("--control").arg(&control);
        command.output().expect("it runs")
    };
    let status = ctl(&["status"]);
    assert!(status.stdout.starts_with(b"running, pid "), "{status:?}");
    assert_eq!(ctl(&["reload"]).status.code(), Some(0));
    let upgraded = ctl(&["upgrade"]);
    assert_eq!(upgraded.status.code(), Some(0), "{upgraded:?}");
    assert_eq!(hello.exit_code(), Some(0));
    // Its successor is the child of nobody here.
    assert!(hello.get("/hello/you").contains("Hello, you!"));
    assert_eq!(ctl(&["stop"]).status.code(), Some(0));
    eventually("the end of the successor", || {
        (!ctl(&["status"]).status.success()).then_some(())
    });
}

#[test]
fn a_reload_with_another_value_of_a_programs_own_option_is_refused_by_name() {
    let directory = common::Directory::new();
    let file = directory.path("hello.toml");
    let write = |words: &str, threads: u32| {
        let text = format!("words = {words:?}\nmax_threads = {threads}\n");
        std::fs::write(&file, text).expect("a file");
    };
    write("Hello", 7);
    let hello = start("hello", &["--config", file.to_str().expect("UTF-8")]);
    write("Good day", 8);
    let refused = hello.ctl(&["reload"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for text in ["words cannot change", "upgrade or restart"] {
        assert!(said.contains(text), "{text:?} in {said}");
    }
    assert_eq!(hello.status()["limits"]["max_threads"], 7);
    write("Hello", 8);
    assert!(hello.ctl(&["reload"]).status.success());
    assert_eq!(hello.status()["limits"]["max_threads"], 8);
    assert!(hello.get("/hello/you").contains("Hello, you!"));
}

#[test]
fn two_programs_of_one_user_have_each_its_own_control_socket() {
    let runtime = common::Directory::new();
    let run = |name: &str, args: &[&str]| {
        let mut command = example(name);
        command.env("XDG_RUNTIME_DIR", runtime.path("")).args(args);
        command
    };
    let start = |name: &str, args: &[&str]| {
        let listening = ["--listen", "127.0.0.1:0", "--cores", "1"];
        let command = run(name, &[&listening, args].concat());
        let mut program = Program::spawn_as_is(command, common::Directory::new(), true);
        program.wait_listening();
        program
    };
    let programs = [
        ("hello", start("hello", &[])),
        (
            "notes",
            start("notes", &["--token", "t", "--database", ":memory:"]),
        ),
    ];
    for (name, mut program) in programs {
        assert!(runtime.path(name).join("control.sock").exists());
        let status = run(name, &["ctl", "status"]).output().expect("it runs");
        let text = String::from_utf8_lossy(&status.stdout);
        let expected = format!("running, pid {},", program.pid());
        assert!(text.starts_with(&expected), "{name}: {status:?}");
        let stopped = run(name, &["ctl", "stop"]).status().expect("it runs");
        assert!(stopped.success());
        assert_eq!(program.exit_code(), Some(0));
    }
}

#[test]
fn notes_are_made_shown_and_told_of_and_a_drain_ends_the_feed() {
    let mut notes = start("notes", &["--token", "secret", "--database", ":memory:"]);
    let key = "Authorization: Bearer secret\r\nContent-Type: application/json\r\n";
    let mut feed = connect(&notes.address);
    let head = format!("GET /notes/feed HTTP/1.1\r\nHost: t\r\n{key}\r\n");
    feed.write_all(head.as_bytes()).expect("sent");
    let mut told = [0; 17];
    feed.read_exact(&mut told).expect("an answer");
    assert_eq!(&told, b"HTTP/1.1 200 OK\r\n");
    let made = ask(&notes, "POST", "/notes", key, "{\"text\": \"milk\"}");
    assert!(made.starts_with("HTTP/1.1 201 Created"), "{made}");
    let id = made
        .rsplit("\"id\":")
        .next()
        .and_then(|rest| rest.split(',').next());
    let one = ask(
        &notes,
        "GET",
        &format!("/notes/{}", id.expect("an id")),
        key,
        "",
    );
    assert!(one.ends_with(",\"text\":\"milk\"}"), "{one}");
    let strange = ask(&notes, "GET", "/notes/x", "", "");
    assert!(strange.starts_with("HTTP/1.1 401 "), "{strange}");
    assert!(strange.contains("\r\naccess-control-allow-origin: *\r\n"));
    notes.signal(Signal::Quit);
    let mut rest = String::new();
    feed.read_to_string(&mut rest).expect("text");
    assert!(
        rest.contains("data: {\"id\":1,\"text\":\"milk\"}\n\n"),
        "{rest}"
    );
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
    assert_eq!(notes.exit_code(), Some(0));
    assert!(notes.rest().iter().any(|line| line.contains("POST /notes")));
}

#[test]
fn what_is_uploaded_can_be_had_again_in_ranges() {
    let directory = common::Directory::new();
    let place = directory.path("");
    let upload = start("upload", &["--directory", place.to_str().expect("UTF-8")]);
    let bytes = "0123456789".repeat(300_000);
    let put = ask(&upload, "PUT", "/upload/digits", "", &bytes);
    assert!(
        put.ends_with("{\"bytes\":3000000,\"name\":\"digits\"}"),
        "{put}"
    );
    let range = ask(
        &upload,
        "GET",
        "/files/digits",
        "Range: bytes=10-14\r\n",
        "",
    );
    assert!(range.starts_with("HTTP/1.1 206 "), "{range}");
    assert!(range.ends_with("\r\n\r\n01234"), "{range}");
    let hidden = ask(&upload, "PUT", "/upload/.profile", "", "x");
    assert!(hidden.starts_with("HTTP/1.1 400 "), "{hidden}");
    let outside = ask(&upload, "PUT", "/upload/..%2Fx", "", "x");
    assert!(outside.starts_with("HTTP/1.1 400 "), "{outside}");
}

/// A guest of the example `chat`.
struct Guest(std::net::TcpStream);

impl Guest {
    fn enter(chat: &Program, room: &str, name: &str) -> Guest {
        let mut stream = connect(&chat.address);
        let path = format!("/rooms/{room}?name={name}");
        stream.write_all(&handshake(&path)).expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        Guest(stream)
    }

    fn say(&mut self, words: &str) {
        self.0.write_all(&text(words)).expect("sent");
    }

    /// The next words, which are few.
    #[track_caller]
    fn hears(&mut self, words: &str) {
        let mut header = [0; 2];
        self.0.read_exact(&mut header).expect("a frame");
        assert_eq!(header[0], 0x81, "a text");
        let mut payload = vec![0; usize::from(header[1])];
        self.0.read_exact(&mut payload).expect("words");
        assert_eq!(String::from_utf8_lossy(&payload), words);
    }
}

#[test]
fn guests_of_a_room_hear_each_other_and_keep_their_names_through_an_upgrade() {
    let mut chat = start("chat", &[]);
    assert!(chat.get("/").contains("<title>Rooms</title>"));
    let mut ada = Guest::enter(&chat, "lobby", "Ada");
    let mut bob = Guest::enter(&chat, "lobby", "Bob%20B.");
    let mut eve = Guest::enter(&chat, "den", "Eve");
    ada.say("hello");
    for guest in [&mut ada, &mut bob] {
        guest.hears(r#"{"name":"Ada","text":"hello"}"#);
    }
    let refused = chat.get("/rooms/den?name=");
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    // One who comes back reads what it missed.
    let mut feed = connect(&chat.address);
    let ask = "GET /rooms/lobby/events HTTP/1.1\r\nHost: t\r\nLast-Event-ID: 0\r\n\r\n";
    feed.write_all(ask.as_bytes()).expect("sent");
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read)
        .contains("id: 1\ndata: {\"name\":\"Ada\",\"text\":\"hello\"}\n")
    {
        let mut piece = [0; 512];
        match feed.read(&mut piece).expect("events") {
            0 => panic!("the events end: {}", String::from_utf8_lossy(&read)),
            n => read.extend_from_slice(&piece[..n]),
        }
    }
    drop(feed);
    let control = chat.control();
    let mut ctl = example("chat");
    let upgraded = ctl
        .args(["ctl", "upgrade", "--control"])
        .arg(&control)
        .output();
    let upgraded = upgraded.expect("it runs");
    assert_eq!(upgraded.status.code(), Some(0), "{upgraded:?}");
    assert_eq!(chat.exit_code(), Some(0));
    bob.say("still here");
    for guest in [&mut ada, &mut bob] {
        guest.hears(r#"{"name":"Bob B.","text":"still here"}"#);
    }
    eve.say("alone");
    eve.hears(r#"{"name":"Eve","text":"alone"}"#);
    let mut ctl = example("chat");
    let stopped = ctl
        .args(["ctl", "stop", "--control"])
        .arg(&control)
        .output();
    assert_eq!(stopped.expect("it runs").status.code(), Some(0));
}

#[test]
#[ignore = "needs a browser: apt-get install chromium"]
fn a_browser_enters_a_room_of_the_chat_reads_and_speaks_there_and_takes_words_for_nothing_else() {
    // No Ping comes between the words, however long the browser takes.
    let chat = start("chat", &["--websocket-ping", "1h"]);
    let mut ada = Guest::enter(&chat, "den", "%3Ci%3EAda");
    let mut eve = Guest::enter(&chat, "lobby", "Eve");
    ada.say("<b id=trick>bold</b>");
    ada.hears(r#"{"name":"<i>Ada","text":"<b id=trick>bold</b>"}"#);
    let link = format!(
        "http://{}/#room=den&name=Bob%20B.&say=hello%20there",
        chat.address
    );
    in_a_browser(
        &link,
        &[
            ">In den.<",
            "<b>&lt;i&gt;Ada </b>&lt;b id=trick&gt;bold&lt;/b&gt;<",
            "<b>Bob B. </b>hello there<",
        ],
    );
    ada.hears(r#"{"name":"Bob B.","text":"hello there"}"#);
    eve.say("alone");
    eve.hears(r#"{"name":"Eve","text":"alone"}"#);
    // Without a name in the link it waits at the door.
    let link = format!("http://{}/#room=den", chat.address);
    in_a_browser(&link, &[">Outside.<"]);
}
