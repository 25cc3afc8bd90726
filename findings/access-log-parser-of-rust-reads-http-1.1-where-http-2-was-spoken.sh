#!/usr/bin/env bash
# access_log_parser 0.11.0 (Rust) reads HTTP/1.1 where a log says HTTP/2.0, takes HTTP/3.0 for an invalid request, and makes a teapot of no answer.
#
# Expected: it reads the common and the combined format, and that of the Gorouter (README). The request line there is the one of the client, with
# its protocol, and user and agent are what the client sent (Apache, mod_log_config, "Custom Log Formats"); the Gorouter writes `"-"` for a status
# that it has not.
# Seen: `version()` of a request with `HTTP/2.0` is HTTP/1.1, though http::Version has HTTP_2, and one with `HTTP/3.0` is an `InvalidRequest`. A
# status `"-"` is 418, "I'm a teapot". A line whose user or agent begins with a hyphen, as `- bot`, cannot be read at all: the hyphen is taken for
# "none". A hyphen inside, versions 1.0 and 1.1, and a lone `-` are right.
#
# A count of protocols finds no HTTP/2 on a server that speaks little else, and all of HTTP/3 among broken requests.
#
# Usage: findings/access-log-parser-of-rust-reads-http-1.1-where-http-2-was-spoken.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "lines"
version = "0.0.0"
edition = "2024"

[dependencies]
access_log_parser = "=0.11.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use access_log_parser::{LogEntry, LogType, RequestResult, parse};

fn request(request: &RequestResult) -> String {
    match request {
        RequestResult::Valid(request) => format!("{:?}", request.version()),
        RequestResult::InvalidRequest(_) => "invalid request".to_owned(),
        RequestResult::InvalidPath(..) => "invalid path".to_owned(),
    }
}

/// What is read of a line: version, status, user and agent.
fn read(kind: LogType, line: &str) -> String {
    match parse(kind, line) {
        Ok(LogEntry::CombinedLog(entry)) => format!("{} {} {:?} {:?}", request(&entry.request), entry.status_code, entry.user, entry.user_agent),
        Ok(LogEntry::GorouterLog(entry)) => format!("{} {} {:?}", request(&entry.request), entry.status_code, entry.user_agent),
        Ok(other) => panic!("another kind: {other:?}"),
        Err(_) => "cannot be read".to_owned(),
    }
}

fn check(about: &str, said: String, seen: &str) {
    println!("{about}: {said}");
    assert_eq!(said, seen);
}

fn main() {
    let line = r#"192.0.2.1 - anna [15/Mar/2019:03:17:05 +0000] "GET / HTTP/1.1" 200 612 "-" "web-bot""#;
    let combined = |from: &str, to: &str| read(LogType::CombinedLog, &line.replace(from, to));
    check("HTTP/1.1", combined("", ""), r#"HTTP/1.1 200 OK Some("anna") Some("web-bot")"#);
    check("HTTP/1.0", combined("HTTP/1.1", "HTTP/1.0"), r#"HTTP/1.0 200 OK Some("anna") Some("web-bot")"#);
    check("no user", combined("anna", "-"), r#"HTTP/1.1 200 OK None Some("web-bot")"#);
    check("no agent", combined("web-bot", "-"), r#"HTTP/1.1 200 OK Some("anna") None"#);
    check("HTTP/2.0", combined("HTTP/1.1", "HTTP/2.0"), r#"HTTP/1.1 200 OK Some("anna") Some("web-bot")"#);
    check("HTTP/3.0", combined("HTTP/1.1", "HTTP/3.0"), r#"invalid request 200 OK Some("anna") Some("web-bot")"#);
    check("agent - bot", combined("web-bot", "- bot"), "cannot be read");
    check("user -anna", combined("anna", "-anna"), "cannot be read");

    let line = [
        r#"app.example.com - [2019-01-28T22:15:08.622+0000] "GET / HTTP/1.1" 404 0 116 "-" "bot" "192.0.2.1:23150" "-""#,
        r#"x_forwarded_for:"192.0.2.9" x_forwarded_proto:"https" vcap_request_id:"7" response_time:0.1 app_id:"-" app_index:"-""#,
        r#"x_b3_traceid:"5" x_b3_spanid:"5" x_b3_parentspanid:"-""#,
    ]
    .join(" ");
    check("status 404", read(LogType::GorouterLog, &line), r#"HTTP/1.1 404 Not Found Some("bot")"#);
    check("status \"-\"", read(LogType::GorouterLog, &line.replace(" 404 ", " \"-\" ")), r#"HTTP/1.1 418 I'm a teapot Some("bot")"#);
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
