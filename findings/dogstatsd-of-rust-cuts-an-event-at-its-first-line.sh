#!/usr/bin/env bash
# dogstatsd 0.12.4 (Rust) sends the lines of an event's text as lines of the datagram, which end the event, and puts tags behind the message of a check.
#
# Expected: it implements events by "https://docs.datadoghq.com/developers/dogstatsd/datagram_shell" (named in its source). That says of an event's text:
# "Insert line breaks with an escaped slash (\\n)", since a line end separates the datagrams of a packet, and of a check that its message is the last of
# its fields: `_sc|NAME|STATUS|d:TIMESTAMP|h:HOSTNAME|#TAGS|m:MESSAGE`.
# Seen: the text "parse error\nline 7" (18 bytes, as the length in braces says) leaves as two lines, `_e{6,18}:failed|parse error` and `line 7|#env:test`:
# an event that is too short for its length, and a line that is no metric. A check's message has the tags behind it, `|m:slow|#env:test`, and line ends too.
# With batching on it is the same, beside other metrics.
#
# Events of more than a line, such as a stack trace, which they are for, do not arrive.
#
# Usage: findings/dogstatsd-of-rust-cuts-an-event-at-its-first-line.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "events"
version = "0.0.0"
edition = "2024"

[dependencies]
dogstatsd = "=0.12.4"
TOML

cat >"$work/src/main.rs" <<'RUST'
use dogstatsd::{BatchingOptions, Client, OptionsBuilder, ServiceCheckOptions, ServiceStatus};
use std::net::UdpSocket;
use std::time::Duration;

const TAGS: [&str; 1] = ["env:test"];

/// The lines of the one packet that a client sends.
fn lines(batching: Option<BatchingOptions>, send: impl FnOnce(&Client)) -> Vec<String> {
    let agent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    agent.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut options = OptionsBuilder::new();
    options.from_addr("127.0.0.1:0".to_owned()).to_addr(agent.local_addr().expect("an address").to_string());
    if let Some(batching) = batching {
        options.batching_options(batching);
    }
    let client = Client::new(options.build()).expect("a client");
    send(&client);
    drop(client);
    let mut buffer = [0; 8192];
    let length = agent.recv(&mut buffer).expect("a packet");
    String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned).collect()
}

fn check(what: &str, seen: Vec<String>, expected: &[&str]) {
    println!("{what}: {seen:?}");
    assert_eq!(seen, expected);
}

fn main() {
    let message = |message| Some(ServiceCheckOptions { message: Some(message), ..Default::default() });
    check(
        "an event of one line",
        lines(None, |client| client.event("failed", "parse error", TAGS).unwrap()),
        &["_e{6,11}:failed|parse error|#env:test"],
    );
    check(
        "an event of two lines",
        lines(None, |client| client.event("failed", "parse error\nline 7", TAGS).unwrap()),
        &["_e{6,18}:failed|parse error", "line 7|#env:test"],
    );
    check(
        "a check",
        lines(None, |client| client.service_check("db", ServiceStatus::Warning, TAGS, message("slow")).unwrap()),
        &["_sc|db|1|m:slow|#env:test"],
    );
    check(
        "a check with two lines",
        lines(None, |client| client.service_check("db", ServiceStatus::Warning, TAGS, message("slow\n9 s")).unwrap()),
        &["_sc|db|1|m:slow", "9 s|#env:test"],
    );
    let batching = BatchingOptions {
        max_buffer_size: 8000,
        max_time: Duration::from_secs(5),
        max_retry_attempts: 1,
        initial_retry_delay: 1,
    };
    check(
        "a batch",
        lines(Some(batching), |client| {
            client.incr("hits", TAGS).unwrap();
            client.event("failed", "parse error\nline 7", TAGS).unwrap();
            client.incr("hits", TAGS).unwrap();
        }),
        &["hits:1|c|#env:test", "_e{6,18}:failed|parse error", "line 7|#env:test", "hits:1|c|#env:test"],
    );
    println!("as described");
}
RUST
env -u DD_ENV -u DD_SERVICE -u DD_VERSION cargo run --quiet --manifest-path "$work/Cargo.toml"
