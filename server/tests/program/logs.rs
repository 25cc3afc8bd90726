//! What stands in the log of a program that runs: lines that machines can read, and panics.

use crate::common::{Directory, Program, eventually, ringgate};
use ringgate::runtime::sys::signals::Signal;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use std::io::Write;

/// An object, no key of which stands twice.
struct Object(serde_json::Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Object, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut seen, mut object) = (HashSet::new(), serde_json::Map::new());
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("{key} stands twice")));
                    }
                    object.insert(key, value);
                }
                Ok(Object(object))
            }
        }
        from.deserialize_map(Unique)
    }
}

/// All lines of a JSON log.
fn objects(lines: &[String]) -> Vec<serde_json::Map<String, Value>> {
    let read = |line: &String| serde_json::from_str::<Object>(line).map(|object| object.0);
    let read = |line: &String| read(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    lines.iter().map(read).collect()
}

fn json_program(backtrace: &str, args: &[&str]) -> Program {
    let mut command = ringgate();
    command.env("RUST_BACKTRACE", backtrace);
    let args = [&["--log-format", "json"], args].concat();
    let mut program = Program::spawn(command, Directory::new(), &args, true);
    program.wait_listening();
    program
}

/// Ends it and answers all that it said.
fn all_lines(mut program: Program) -> Vec<serde_json::Map<String, Value>> {
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
    let rest = program.rest();
    objects(&[program.seen.clone(), rest].concat())
}

#[test]
fn no_key_stands_twice_in_what_a_troubled_server_logs() {
    let args = [
        "--log-level",
        "trace",
        "--max-threads",
        "1",
        "--long-poll",
        "20ms",
    ];
    let program = json_program("0", &args);
    program.get("/panic");
    program.get("/block?ms=50");
    let mut holder = program.connect();
    write!(holder, "GET /sleep?ms=60000 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    eventually("the only slot is taken", || {
        (program.status()["gate"]["slots_taken"] == 1).then_some(())
    });
    assert!(program.get("/plaintext").starts_with("HTTP/1.1 503 "));
    let lines = all_lines(program);
    let said = |message: &str| {
        let of = |line: &&serde_json::Map<String, Value>| line["message"] == *message;
        let line = lines.iter().find(of);
        line.unwrap_or_else(|| panic!("{message} in {lines:#?}"))
    };
    assert_eq!(said("a request was refused by the gate")["reason"], "full");
    let panicked = said("a handler panicked; its request is answered with 500");
    assert_eq!(panicked["panic"], "asked to panic by GET /panic");
    // On a busy machine other steps may be long too.
    let held = "a step held the core for too long; work that blocks belongs into a lane";
    let is_block = |line: &serde_json::Map<String, Value>| {
        line["message"] == *held && line["route"] == "GET /block"
    };
    assert!(lines.iter().any(is_block), "{lines:#?}");
}

#[test]
fn the_backtrace_of_a_panic_is_one_line_that_names_the_handler() {
    let mut program = json_program("1", &[]);
    assert!(program.get("/panic").starts_with("HTTP/1.1 500 "));
    // Names take a busy machine longer than a server that ends waits for its log.
    program.wait_line("the backtrace of a panic");
    let lines = all_lines(program);
    let with_backtrace: Vec<_> = lines
        .iter()
        .filter(|line| line.contains_key("backtrace"))
        .collect();
    let [line] = with_backtrace[..] else {
        panic!("{lines:#?}")
    };
    let frames = line["backtrace"].as_str().expect("a text");
    // The innermost frame is the handler's, the outermost that of the core's thread.
    let (first, rest) = frames.split_once(" < ").expect("several frames");
    assert!(first.contains("server/src/app/trouble.rs:"), "{frames}");
    let last = rest.rsplit(" < ").next().expect("a frame");
    assert!(last.contains("ringgate::coordinator::"), "{frames}");
    assert!(!frames.contains("panicking"), "{frames}");
    assert_eq!(line["on"], "rg-core-0");
    assert_eq!(line["thread"], "rg-core-0");
    let of_panics = lines.iter().filter(|line| {
        let message = line["message"].as_str().unwrap_or_default();
        message.contains("panic")
    });
    assert_eq!(of_panics.count(), 3, "{lines:#?}");
}
