#!/usr/bin/env bash
# trace-context 0.1.0 writes the id of a trace in decimal digits, so the next service starts a trace of its own. traceparent 0.0.3,
# another crate for the same field, has a `Clone` that gives another parent.
#
# Expected: trace-id is 32 hexadecimal digits in lower case (W3C Trace Context, section 3.2.2.3). A clone equals what it was made of, where
# a type can be compared (documentation of std::clone::Clone).
# Seen: `inject` of trace-context writes the id in tens, 32 to 39 digits: up to a sixteenth of the ids has a valid
# length and names another trace, the rest is refused, also by its own `extract`. Its documentation and its tests use the ids
# 1 and 0, which look the same in both. `clone` of traceparent 0.0.3 has a new parent-id and does not equal its original;
# a value that is cloned on its way to a log tells of a span that nobody knows.
#
# Logs of two services cannot be joined, though each of them shows an id.
#
# Usage: findings/trace-context-writes-the-trace-id-in-tens.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "trace"
version = "0.0.0"
edition = "2024"

[dependencies]
http = "0.1"
trace-context = "=0.1.0"
traceparent = "=0.0.3"
TOML

cat >"$work/src/main.rs" <<'RUST'
use trace_context::TraceContext;

fn main() {
    let arrived = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut fields = http::HeaderMap::new();
    fields.insert("traceparent", arrived.parse().unwrap());
    let context = TraceContext::extract(&fields).unwrap();
    context.child().inject(&mut fields);
    let sent = fields["traceparent"].to_str().unwrap();
    println!("arrived {arrived}\nsent    {sent}");
    let id = sent.split('-').nth(1).unwrap();
    assert_eq!(id, 0x0af7651916cd43dd8448eb211c80319c_u128.to_string());
    let read = TraceContext::extract(&fields).map(|context| context.trace_id());
    println!("its own reader: {read:x?}");
    assert!(read.is_err() || read.unwrap() != context.trace_id());

    let parent = traceparent::parse(arrived).unwrap();
    assert_eq!(parent.to_string(), arrived);
    let clone = parent.clone();
    println!("a clone of {parent} is {clone}");
    assert_ne!(clone, parent);
    assert_eq!(clone.trace_id(), parent.trace_id());
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
