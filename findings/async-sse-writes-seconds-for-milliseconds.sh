#!/usr/bin/env bash
# async-sse 5.1.0 (Rust) tells clients to come again behind 5 ms where 5 s are meant, reads 5,000 ms as 5,000 s, and neither it nor sse-codec 0.3.3
# reads a `retry` with a blank.
#
# Expected: `retry` is a number of milliseconds; one blank behind the colon is no part of the value; data that is empty, or that ends with a line
# feed, is sent so (HTML standard, sections 9.2.5 and 9.2.6).
# Seen: `send_retry(5 s)` writes `retry:5`, which a browser takes for 5 ms; `retry:5000` of any other server is read as 5,000 s. `retry: 5000`, as
# sse-codec itself writes it, is read by none of the two. Both write nothing for empty data, so that the event is not told, and leave a line feed at
# the end of the data out.
#
# A server that wants its clients to wait for five seconds is asked 200 times a second.
#
# Usage: findings/async-sse-writes-seconds-for-milliseconds.sh
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
async-sse = "=5.1.0"
futures-lite = "1"
sse-codec = "=0.3.3"
TOML

cat >"$work/src/main.rs" <<'RUST'
use futures_lite::io::Cursor;
use futures_lite::{AsyncReadExt, StreamExt, future::block_on};
use std::thread;
use std::time::Duration;

fn main() {
    let (sender, mut encoder) = async_sse::encode();
    let writer = thread::spawn(move || {
        block_on(async {
            sender.send_retry(Duration::from_secs(5), None).await.unwrap();
            sender.send("a", "text\n", None).await.unwrap();
            sender.send("b", "", None).await.unwrap();
        });
    });
    let mut written = String::new();
    block_on(encoder.read_to_string(&mut written)).unwrap();
    writer.join().unwrap();
    println!("async-sse writes {written:?}");
    assert_eq!(written, "retry:5\n\nevent:a\ndata:text\n\nevent:b\n\n");

    for (stream, by_async_sse, by_codec) in [("retry:5000\n\n", "5000s", "5000"), ("retry: 5000\n\n", "nothing", "nothing")] {
        let said = block_on(async_sse::decode(Cursor::new(stream)).next());
        let said = match said {
            Some(Ok(async_sse::Event::Retry(time))) => format!("{time:?}"),
            _ => "nothing".to_string(),
        };
        let codec = block_on(sse_codec::decode_stream(Cursor::new(stream)).next());
        let codec = match codec {
            Some(Ok(sse_codec::Event::Retry { retry })) => retry.to_string(),
            _ => "nothing".to_string(),
        };
        println!("{stream:?}: async-sse {said}, sse-codec {codec}");
        assert_eq!((said.as_str(), codec.as_str()), (by_async_sse, by_codec));
    }
    let written = [sse_codec::Event::retry(5000), sse_codec::Event::message("b", "", None), sse_codec::Event::message("a", "text\n", None)];
    let written = written.map(|event| event.to_string());
    println!("sse-codec writes {written:?}");
    assert_eq!(written, ["retry: 5000\n", "event: b\n", "event: a\ndata: text\n"]);
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
