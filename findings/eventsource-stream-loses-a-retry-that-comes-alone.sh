#!/usr/bin/env bash
# eventsource-stream 0.2.3 loses a `retry` and an `id` that come in a block without data, as servers send them at the start and as a checkpoint.
#
# Expected: it cites the HTML standard (section 9.2.6, interpreting an event stream): of `retry` "set the event stream's reconnection time to that integer",
# whether data follows or not, and at each empty line first "set the last event ID string of the event source to the value of the last event ID buffer",
# then return if there is no data. An event's retry is the "Retry duration if given", last_event_id() "the last event ID of the stream".
# Seen: `retry: 10000` and an empty line give nothing, neither then nor with the next event; with data in the same block the event has it. Behind `id: 7` and
# an empty line last_event_id() is still that of the event before, until another event comes. set_last_event_id("6"), "useful for initializing the stream
# with a previous last event ID", holds until the first event without an id, behind which it is empty.
#
# A server that says how long to wait is not heard, and after a break between a checkpoint and the next event the client asks from an older place.
#
# Usage: findings/eventsource-stream-loses-a-retry-that-comes-alone.sh
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
eventsource-stream = "=0.2.3"
futures = "=0.3.31"
TOML

cat >"$work/src/main.rs" <<'RUST'
use eventsource_stream::EventStream;
use futures::StreamExt;
use futures::executor::block_on;
use std::convert::Infallible;

/// The data, id and milliseconds of retry of each event, and the last id of the stream behind its end.
fn read(previous: &str, text: &'static str) -> (Vec<(String, String, Option<u128>)>, String) {
    let chunks = futures::stream::iter([Ok::<_, Infallible>(text.as_bytes())]);
    let mut stream = EventStream::new(chunks);
    stream.set_last_event_id(previous);
    let mut events = Vec::new();
    while let Some(event) = block_on(stream.next()) {
        let event = event.expect("an event");
        events.push((event.data, event.id, event.retry.map(|retry| retry.as_millis())));
    }
    (events, stream.last_event_id().to_owned())
}

fn main() {
    for (previous, text, expected, last_id) in [
        ("", "retry: 10000\ndata: a\n\n", vec![("a", "", Some(10_000))], ""),
        ("", "retry: 10000\n\ndata: a\n\n", vec![("a", "", None)], ""),
        ("", "retry: 10000\n\n", vec![], ""),
        ("", "id: 6\ndata: a\n\ndata: b\n\n", vec![("a", "6", None), ("b", "6", None)], "6"),
        ("", "id: 6\ndata: a\n\nid: 7\n\n", vec![("a", "6", None)], "6"),
        ("", "id: 6\ndata: a\n\nid: 7\n\ndata: b\n\n", vec![("a", "6", None), ("b", "7", None)], "7"),
        ("6", "", vec![], "6"),
        ("6", "data: b\n\n", vec![("b", "", None)], ""),
    ] {
        let (events, last) = read(previous, text);
        println!("{text:?} with {previous:?}: {events:?}, last id {last:?}");
        let expected: Vec<_> =
            expected.into_iter().map(|(data, id, retry): (&str, &str, _)| (data.to_owned(), id.to_owned(), retry)).collect();
        assert_eq!((events, last.as_str()), (expected, last_id));
    }
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
