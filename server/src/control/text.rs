//! Status and events for people: what `ringgate ctl` prints without `--json`.
//!
//! Pure: the server's JSON in, text out. Takes what it finds: a figure that a server of another
//! version does not tell is shown as `-`.

use serde_json::Value;
use std::fmt::Write;

/// One figure as text.
fn figure(of: &Value, path: &str) -> String {
    match of.pointer(path) {
        None => "-".to_owned(),
        Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(counts)) => {
            let sum: u64 = counts.values().filter_map(Value::as_u64).sum();
            let by: Vec<String> = counts
                .iter()
                .filter(|(_, count)| count.as_u64() != Some(0))
                .map(|(reason, count)| format!("{reason} {count}"))
                .collect();
            match by.is_empty() {
                true => sum.to_string(),
                false => format!("{sum} ({})", by.join(", ")),
            }
        }
        Some(other) => other.to_string(),
    }
}

/// Columns as wide as their widest cell; numbers to the right.
fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or(0)
    };
    let is_number = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit());
    let mut text = String::new();
    let heading: Vec<String> = headings.iter().map(|heading| heading.to_string()).collect();
    for row in std::iter::once(&heading).chain(rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            let right = rows
                .first()
                .is_some_and(|row| is_number(&row[column]) && !row[column].contains(':'));
            // Writing to a String cannot fail.
            let _ = match right {
                true => write!(line, "  {cell:>width$}"),
                false => write!(line, "  {cell:<width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn rows<'a>(status: &'a Value, list: &str, columns: &'a [(&str, &str)]) -> Vec<Vec<String>> {
    let items = status.pointer(list).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .map(|item| columns.iter().map(|(_, path)| figure(item, path)).collect())
        .collect()
}

fn section(text: &mut String, status: &Value, list: &str, columns: &[(&str, &str)]) {
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    text.push('\n');
    text.push_str(&table(&headings, &rows(status, list, columns)));
}

const CORES: &[(&str, &str)] = &[
    ("core", "/index"),
    ("cpu", "/cpu"),
    ("state", "/state"),
    ("open", "/connections/open"),
    ("accepted", "/connections/accepted"),
    ("handed in", "/connections/handed_in"),
    ("handed out", "/connections/handed_out"),
    ("running", "/requests/running"),
    ("pending", "/requests/pending"),
    ("answered", "/requests/answered"),
    ("operations", "/operations_in_flight"),
    ("silent ms", "/heartbeat_age_ms"),
];

/// The cores alone: what `ringgate ctl cores` prints.
pub(super) fn cores(status: &Value) -> String {
    let headings: Vec<&str> = CORES.iter().map(|(heading, _)| *heading).collect();
    table(&headings, &rows(status, "/cores", CORES))
}

const LISTENERS: &[(&str, &str)] = &[
    ("listener", "/address"),
    ("slot", "/slot"),
    ("owner", "/owner_core"),
    ("queue", "/queue"),
    ("limit", "/queue_limit"),
];

const CERTIFICATES: &[(&str, &str)] = &[
    ("certificate", "/file"),
    ("name", "/names/0"),
    ("key", "/key"),
    ("expires", "/not_after"),
];

const LANES: &[(&str, &str)] = &[
    ("lane", "/name"),
    ("kind", "/kind"),
    ("min", "/min"),
    ("max", "/max"),
    ("workers", "/spawned"),
    ("busy", "/busy"),
    ("waiting", "/waiting"),
    ("queued", "/queued"),
    ("ended", "/ended"),
    ("refused", "/refused"),
    ("trouble", "/unavailable"),
];

const GENERATIONS: &[(&str, &str)] = &[
    ("generation", "/pid"),
    ("phase", "/phase"),
    ("open", "/open"),
    ("staying", "/staying"),
];

/// In the order in which the ledger adds up: what came, and where it is.
const CONNECTIONS: [&str; 8] = [
    "accepted",
    "inherited",
    "finished",
    "rejected",
    "aborted",
    "open",
    "in_transit",
    "passed_on",
];
const REQUESTS: [&str; 6] = [
    "begun", "answered", "rejected", "aborted", "running", "pending",
];

/// The whole status.
pub(super) fn status(status: &Value) -> String {
    let mut text = String::new();
    let f = |path: &str| figure(status, path);
    let uptime = status.pointer("/uptime_seconds").and_then(Value::as_f64);
    let _ = writeln!(
        text,
        "{}, pid {}, up {:.0} s",
        f("/phase"),
        f("/pid"),
        uptime.unwrap_or(0.0)
    );
    let _ = writeln!(
        text,
        "limits       max_threads {}  max_accepts {}",
        f("/limits/max_threads"),
        f("/limits/max_accepts")
    );
    let by = match status.pointer("/pool/auto").and_then(Value::as_bool) {
        Some(true) => format!("by load, {} to {}", f("/pool/min"), f("/pool/max")),
        Some(false) => "as set".to_owned(),
        None => "-".to_owned(),
    };
    let _ = writeln!(
        text,
        "pool         target {} ({by})  running {}  waiting {}  parked {}  quarantined {}",
        f("/pool/target"),
        f("/pool/running"),
        f("/pool/waiting"),
        f("/pool/parked"),
        f("/pool/quarantined")
    );
    if let Some(degraded) = status.pointer("/pool/degraded").and_then(Value::as_str) {
        let _ = writeln!(text, "             {degraded}");
    }
    for (name, group) in [
        ("connections", CONNECTIONS.as_slice()),
        ("requests", &REQUESTS),
    ] {
        let figures: Vec<String> = group
            .iter()
            .map(|figure| format!("{figure} {}", f(&format!("/totals/{name}/{figure}"))))
            .collect();
        let _ = writeln!(text, "{name:<12} {}", figures.join("  "));
    }
    if status.pointer("/http2").is_some_and(Value::is_object) {
        let _ = writeln!(
            text,
            "http2        open {}  begun {}  streams {}  drained {}  faults {}",
            f("/http2/open"),
            f("/http2/begun"),
            f("/http2/streams"),
            f("/http2/drained"),
            f("/http2/faults")
        );
    }
    if status.pointer("/proxies").is_some_and(Value::is_object) {
        let _ = writeln!(
            text,
            "proxies      headers {}  failed {}",
            f("/proxies/headers"),
            f("/proxies/failed_headers")
        );
    }
    if status.pointer("/tls").is_some_and(Value::is_object) {
        let _ = writeln!(
            text,
            "tls          handshakes {}  in progress {}  failed {}  broken connections {}",
            f("/tls/handshakes"),
            f("/tls/handshakes_in_progress"),
            f("/tls/failed_handshakes"),
            f("/tls/failures")
        );
    }
    section(&mut text, status, "/generations", GENERATIONS);
    section(&mut text, status, "/cores", CORES);
    section(&mut text, status, "/listeners", LISTENERS);
    for (list, columns) in [("/lanes", LANES), ("/certificates", CERTIFICATES)] {
        let items = status.pointer(list).and_then(Value::as_array);
        if items.is_some_and(|items| !items.is_empty()) {
            section(&mut text, status, list, columns);
        }
    }
    text
}

/// One event as a line: when, what, and its figures.
pub(super) fn event(event: &Value) -> String {
    let time = event.get("time").and_then(Value::as_str).unwrap_or("-");
    let mut text = format!("{time} {}", figure(event, "/event"));
    let fields = event.as_object().into_iter().flatten();
    for (name, _) in fields.filter(|(name, _)| !matches!(name.as_str(), "time" | "event")) {
        // Writing to a String cannot fail.
        let _ = write!(text, " {name} {}", figure(event, &format!("/{name}")));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_shown_with_every_core_and_listener() {
        let shown = status(&json!({
            "phase": "running", "pid": 7, "uptime_seconds": 61.4,
            "limits": {"max_threads": null, "max_accepts": "unbounded"},
            "pool": {"target": 1, "auto": true, "min": 1, "max": 4, "running": 1, "waiting": 1,
                "parked": 0, "quarantined": 0},
            "totals": {
                "connections": {"accepted": 12, "inherited": 3, "finished": 8, "rejected": {"full": 2, "draining": 0},
                    "aborted": 1, "open": 1, "in_transit": 0, "passed_on": 3},
                "requests": {"begun": 1000, "answered": 1000, "rejected": {"full": 0, "draining": 0},
                    "aborted": 0, "running": 0, "pending": 0}
            },
            "generations": [{"pid": 7, "phase": "running", "open": 1, "staying": 0},
                {"pid": 5, "phase": "draining", "open": 12, "staying": 4}],
            "cores": [{"index": 0, "cpu": 3, "state": "running", "operations_in_flight": 4,
                "heartbeat_age_ms": 0,
                "connections": {"accepted": 12, "handed_in": 0, "handed_out": 0, "open": 1},
                "requests": {"answered": 1000, "running": 0, "pending": 0}}],
            "listeners": [{"address": "127.0.0.1:8080", "slot": 0, "owner_core": null, "queue": 0,
                "queue_limit": 4096}],
            "lanes": [{"name": "database", "kind": "workers", "min": 1, "max": 4, "spawned": 2,
                "busy": 1, "waiting": 1, "queued": 0, "unavailable": null,
                "ended": {"finished": 9, "panicked": 0}, "refused": {"full": 3}}],
            "http2": {"open": 2, "begun": 5, "streams": 70, "drained": 1,
                "faults": {"http2_resets": 3, "http2_pings": 0, "protocol": 1}},
            "proxies": {"headers": 9, "failed_headers": {"untrusted": 2, "timed-out": 0}},
            "tls": {"handshakes": {"full": 7, "resumed": 2}, "handshakes_in_progress": 1,
                "failed_handshakes": {"plain-http": 3, "version": 0}, "failures": {"too-long": 0}},
            "certificates": [{"file": "/etc/a.pem", "names": ["a.example", "b.example"],
                "key": "ecdsa", "not_after": "2027-01-15T00:00:00Z"}]
        }));
        let expected = "\
running, pid 7, up 61 s
limits       max_threads none  max_accepts unbounded
pool         target 1 (by load, 1 to 4)  running 1  waiting 1  parked 0  quarantined 0
connections  accepted 12  inherited 3  finished 8  rejected 2 (full 2)  aborted 1  open 1  in_transit 0  passed_on 3
requests     begun 1000  answered 1000  rejected 0  aborted 0  running 0  pending 0
http2        open 2  begun 5  streams 70  drained 1  faults 4 (http2_resets 3, protocol 1)
proxies      headers 9  failed 2 (untrusted 2)
tls          handshakes 9 (full 7, resumed 2)  in progress 1  failed 3 (plain-http 3)  broken connections 0

  generation  phase     open  staying
           7  running      1        0
           5  draining    12        4

  core  cpu  state    open  accepted  handed in  handed out  running  pending  answered  operations  silent ms
     0    3  running     1        12          0           0        0        0      1000           4          0

  listener        slot  owner  queue  limit
  127.0.0.1:8080     0  none       0   4096

  lane      kind     min  max  workers  busy  waiting  queued           ended     refused  trouble
  database  workers    1    4        2     1        1       0  9 (finished 9)  3 (full 3)  none

  certificate  name       key    expires
  /etc/a.pem   a.example  ecdsa  2027-01-15T00:00:00Z
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_event_is_a_line_that_says_when_and_what() {
        let shown = event(&json!({"time": "12:00", "event": "reap", "core": 3, "failed": false}));
        assert_eq!(shown, "12:00 reap core 3 failed false\n");
    }

    #[test]
    fn what_a_server_does_not_tell_is_a_dash() {
        let shown = status(&json!({"phase": "running"}));
        assert!(shown.starts_with("running, pid -, up 0 s\n"), "{shown}");
    }
}
