//! The form of a line, in text and JSON.

use std::error::Error;
use std::{fmt, io};

use serde_json::Value;
use tracing::subscriber::with_default;
use tracing::{debug, error, info, warn};

use super::super::*;
use super::{Buffer, LONG};
use crate::observe::log::limit::{INTERVAL_NANOS, limited};

/// The lines that `events` leads to.
fn lines(level: LevelFilter, format: Format, events: impl FnOnce()) -> Vec<String> {
    let buffer = Buffer::default();
    let options = LogOptions {
        level,
        format,
        ..LogOptions::default()
    };
    let (subscriber, handle) = build(&options, Box::new(buffer.clone())).unwrap();
    with_default(subscriber, events);
    assert!(handle.flush(LONG));
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(handle.written(), lines.len() as u64);
    assert_eq!(handle.dropped(), 0);
    lines
}

fn text_line(events: impl FnOnce()) -> String {
    let [line] = <[String; 1]>::try_from(lines(LevelFilter::TRACE, Format::Text, events)).unwrap();
    let (ts, rest) = line.split_once(' ').unwrap();
    assert_is_timestamp(ts);
    rest.to_owned()
}

fn json_line(events: impl FnOnce()) -> serde_json::Map<String, Value> {
    let [line] = <[String; 1]>::try_from(lines(LevelFilter::TRACE, Format::Json, events)).unwrap();
    let Value::Object(object) = serde_json::from_str(&line).unwrap() else {
        panic!("{line}")
    };
    assert_is_timestamp(object["ts"].as_str().unwrap());
    object
}

fn assert_is_timestamp(ts: &str) {
    let shape: String = ts
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
    humantime::parse_rfc3339(ts).unwrap();
}

#[test]
fn lines_for_the_journal_begin_with_their_priority_and_are_as_ever_behind_it() {
    for (format, begin) in [(Format::Text, "2"), (Format::Json, "{\"ts\":\"2")] {
        let buffer = Buffer::default();
        let mut sink = Sink::new(Box::new(buffer.clone()), None);
        sink.is_journal = true;
        let options = LogOptions {
            level: LevelFilter::TRACE,
            format,
            ..LogOptions::default()
        };
        let (subscriber, handle) = assemble(&options, QUEUE_LINES_MAX, sink).unwrap();
        with_default(subscriber, || {
            error!("first");
            warn!("second");
            info!("third");
            debug!("fourth");
            tracing::trace!("fifth");
        });
        assert!(handle.flush(LONG));
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let priorities: Vec<&str> = text.lines().map(|line| &line[..3]).collect();
        assert_eq!(priorities, ["<3>", "<4>", "<6>", "<7>", "<7>"], "{text}");
        assert!(
            text.lines().all(|line| line[3..].starts_with(begin)),
            "{text}"
        );
    }
}

#[test]
fn a_text_line_is_time_level_message_and_fields() {
    let line = text_line(|| warn!(core = 3, open = 10_u64, ratio = 0.5, up = true, "pool grew"));
    assert_eq!(line, "WARN  pool grew core=3 open=10 ratio=0.5 up=true");
    let line = text_line(|| error!("no ring"));
    assert_eq!(line, "ERROR no ring");
}

#[test]
fn the_message_comes_first_wherever_it_was_given() {
    let line = text_line(|| info!(core = 1, message = "hello", cpu = 2));
    assert_eq!(line, "INFO  hello core=1 cpu=2");
}

#[test]
fn an_event_without_a_message_shows_its_target() {
    let line = text_line(|| info!(target: "ringgate::pool", core = 1));
    assert_eq!(line, "INFO  ringgate::pool core=1");
}

#[test]
fn text_values_are_quoted_only_where_a_reader_could_misread_them() {
    let line = text_line(|| info!(a = "x", b = "x y", c = "", d = "x=1", e = "say \"x\"", "m"));
    assert_eq!(line, r#"INFO  m a=x b="x y" c="" d="x=1" e="say \"x\"""#);
}

#[test]
fn a_client_cannot_forge_a_line() {
    let forged = "/\r\n2026-11-21T18:30:00.123Z ERROR forged\x1b[2J";
    let line = text_line(|| info!(path = forged, "request"));
    assert_eq!(
        line,
        r#"INFO  request path="/\r\n2026-11-21T18:30:00.123Z ERROR forged\u{1b}[2J""#
    );
    let line = text_line(|| info!("request for {forged}"));
    assert!(line.ends_with(r"request for /\r\n2026-11-21T18:30:00.123Z ERROR forged\u{1b}[2J"));
    let object = json_line(|| info!(path = forged, "request"));
    assert_eq!(object["path"], forged);
}

#[test]
fn a_json_line_is_one_object_with_typed_fields() {
    let object = json_line(|| {
        warn!(target: "ringgate::pool", core = 3, delta = -1, up = true, name = "a \"b\"",
              ratio = 0.5, nan = f64::NAN, peer = ?("x", 1), "pool grew");
    });
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut expected = vec![
        "ts", "level", "target", "message", "core", "delta", "up", "name", "ratio", "nan", "peer",
        "thread",
    ];
    expected.sort_unstable();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!(object["level"], "WARN");
    assert_eq!(object["target"], "ringgate::pool");
    assert_eq!(object["message"], "pool grew");
    assert_eq!(object["core"], 3);
    assert_eq!(object["delta"], -1);
    assert_eq!(object["up"], true);
    assert_eq!(object["name"], "a \"b\"");
    assert_eq!(object["ratio"], 0.5);
    assert_eq!(object["nan"], "NaN");
    assert_eq!(object["peer"], "(\"x\", 1)");
    assert_eq!(object["thread"], std::thread::current().name().unwrap());
}

#[test]
fn a_field_cannot_take_the_place_of_the_lines_own_names() {
    let object = json_line(|| info!(ts = 1, level = "x", thread = "y", "m"));
    assert_eq!(object["level"], "INFO");
    assert_eq!(object["field.ts"], 1);
    assert_eq!(object["field.level"], "x");
    assert_eq!(object["field.thread"], "y");
}

/// The keys of a line's object in the order in which they stand, each as often as it does.
fn keys_as_written(line: &str) -> Vec<String> {
    struct Keys(Vec<String>);
    impl<'de> serde::Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Keys, D::Error> {
            struct All;
            impl<'de> serde::de::Visitor<'de> for All {
                type Value = Keys;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, _)) = map.next_entry::<String, Value>()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }
            from.deserialize_map(All)
        }
    }
    serde_json::from_str::<Keys>(line).expect(line).0
}

#[test]
fn no_key_stands_twice_in_a_json_line_whatever_the_fields_are_called() {
    let limiter = RateLimit::new();
    let written = lines(LevelFilter::TRACE, Format::Json, || {
        info!(reason = "a", reason = "b", reason = "c", "m");
        info!(message = "a field", "the text");
        info!(message = "the text", message = "a field");
        info!(message = "one", message = "two", "the text");
        info!(ts = 1, "field.ts" = 2, ts = 3, "m");
        info!(a = 1, "a.2" = 2, a = 3, "a.3" = 4, a = 5, "m");
        info!(thread = 1, level = 2, target = 3, thread = 4, "m");
        limited!(limiter, 0, warn, "full", reason = "other", "m");
    });
    let mut all = Vec::new();
    for line in &written {
        let mut keys = keys_as_written(line);
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count, "{line}");
        all.push(serde_json::from_str::<Value>(line).expect(line));
    }
    let [thrice, field, ..] = &all[..] else {
        panic!("{all:?}")
    };
    let told = ["reason", "reason.2", "reason.3"].map(|key| thrice[key].as_str());
    assert_eq!(told, [Some("a"), Some("b"), Some("c")]);
    assert_eq!(field["message"], "the text");
    assert_eq!(field["field.message"], "a field");
    // What is not a key of every line keeps its own name.
    assert_eq!((&all[5]["a"], &all[5]["a.2"]), (&1.into(), &2.into()));
    assert_eq!((&all[5]["a.4"], &all[5]["a.5"]), (&3.into(), &5.into()));
}

#[test]
fn a_field_called_message_is_not_taken_for_the_text() {
    let line = text_line(|| info!(message = "asked to panic", "a handler panicked"));
    assert_eq!(line, "INFO  a handler panicked message=\"asked to panic\"");
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug)]
    struct Outer(io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot listen")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let outer = Outer(io::Error::other("port taken"));
    let line = text_line(|| error!(error = &outer as &(dyn Error + 'static), "stopped"));
    assert_eq!(line, r#"ERROR stopped error="cannot listen: port taken""#);
}

#[test]
fn a_secret_is_redacted_in_a_line() {
    let token = Secret::new("hunter2");
    let line = text_line(|| info!(%token, again = ?token, "asked"));
    assert_eq!(line, "INFO  asked token=[redacted] again=[redacted]");
}

#[test]
fn less_severe_events_than_the_level_are_not_written() {
    let events = || {
        debug!("no");
        info!("no");
        warn!("yes");
    };
    assert_eq!(lines(LevelFilter::WARN, Format::Text, events).len(), 1);
    assert_eq!(lines(LevelFilter::OFF, Format::Text, events).len(), 0);
    assert_eq!(lines(LevelFilter::TRACE, Format::Text, events).len(), 3);
}

#[test]
fn a_limited_event_tells_how_many_were_left_out() {
    let limiter = RateLimit::new();
    let at = |now: u64| limited!(limiter, now, warn, "reset", peer = "p", "peer reset");
    let lines = lines(LevelFilter::TRACE, Format::Text, || {
        for now in [0, 1, 2, INTERVAL_NANOS] {
            at(now);
        }
    });
    let tails: Vec<&str> = lines
        .iter()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        tails,
        [
            "WARN  peer reset reason=reset peer=p",
            "WARN  peer reset reason=reset suppressed=2 peer=p"
        ]
    );
}
