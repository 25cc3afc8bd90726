#!/usr/bin/env bash
# dipstick 0.9.4 (Rust) drops a metric each time that its buffer for statsd is full, sends to Graphite at once if told to buffer and late if not, and has 0
# for each timer below a millisecond.
#
# Expected: its README: "Send metrics to console, log, statsd, graphite or prometheus" and "Choose between buffered or immediate output"; of a buffer "flush
# will occur if buffer capacity is exceeded" and, unbuffered, "do not buffer output". Values of statsd may be decimals (etsy/statsd, docs/metric_types.md).
# Seen: of 200 counts of a name of 20 characters that are buffered for statsd, 192 arrive in 9 packets: the one that does not fit into a packet has it sent
# and is forgotten. There is an empty line between all two. A metric for Graphite without a buffer is not at the server after half a second but only with
# the next flush; with a buffer it is there at once. A time of 900 us is `0|ms`, and one of 1999 us `1|ms`.
#
# Counters come out four percent low, more with longer names, and without a word.
#
# Usage: findings/dipstick-drops-a-metric-for-each-full-packet.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "metrics"
version = "0.0.0"
edition = "2024"

[dependencies]
dipstick = "=0.9.4"
TOML

cat >"$work/src/main.rs" <<'RUST'
use dipstick::{Buffered, Buffering, Flush, Graphite, Input, InputScope, Statsd};
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// The packets that a client of statsd sends.
fn packets(buffering: Buffering, send: impl Fn(&dyn InputScope)) -> Vec<String> {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    server.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let client = Statsd::send_to(server.local_addr().expect("an address")).expect("a client").buffered(buffering).metrics();
    send(&client);
    client.flush().expect("sent");
    let mut buffer = [0; 2048];
    let mut packets = Vec::new();
    while let Ok(length) = server.recv(&mut buffer) {
        packets.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    packets
}

fn count(packets: &[String]) -> usize {
    packets.iter().flat_map(|packet| packet.lines()).filter(|line| line.starts_with("http.server.requests:1|c")).count()
}

/// Whether a metric is at the server of Graphite half a second behind its writing, and behind a flush.
fn arrivals(buffering: Buffering) -> (bool, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let client = Graphite::send_to(listener.local_addr().expect("an address")).expect("a client").buffered(buffering).metrics();
    // It does not connect in its first moments, and a counter that is dropped would flush.
    std::thread::sleep(Duration::from_millis(300));
    let counter = client.counter("hits");
    let mut server = None;
    let mut text = String::new();
    let mut has_arrived = || {
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(10));
            if let Some(stream) = &mut server {
                let mut buffer = [0; 2048];
                if let Ok(length) = TcpStream::read(stream, &mut buffer) {
                    text.push_str(&String::from_utf8_lossy(&buffer[..length]));
                }
            } else if let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).expect("a connection");
                server = Some(stream);
            }
        }
        text.starts_with("hits 1 ")
    };
    counter.count(1);
    let at_once = has_arrived();
    client.flush().expect("sent");
    (at_once, has_arrived())
}

fn main() {
    // Not so many that the socket would drop packets.
    let counts = |scope: &dyn InputScope| {
        let counter = scope.counter("http.server.requests");
        (0..200).for_each(|_| counter.count(1));
    };
    let immediate = count(&packets(Buffering::Unbuffered, counts));
    let buffered = packets(Buffering::Unlimited, counts);
    println!("of 200 counts, {immediate} arrive without a buffer, {} with one, in {} packets", count(&buffered), buffered.len());
    assert_eq!(immediate, 200);
    // One is lost between each two packets.
    assert_eq!(count(&buffered), 200 - (buffered.len() - 1));
    assert!(buffered.len() > 5);

    let three = packets(Buffering::Unlimited, |scope| {
        // What is dropped sends the buffer, so all three live to the end.
        let (counter, fast, slow) = (scope.counter("hits"), scope.timer("fast"), scope.timer("slow"));
        counter.count(1);
        fast.interval_us(900);
        slow.interval_us(1999);
    });
    println!("three metrics: {three:?}");
    assert_eq!(three, ["hits:1|c\n\nfast:0|ms\n\nslow:1|ms\n"]);

    let (unbuffered, buffered) = (arrivals(Buffering::Unbuffered), arrivals(Buffering::Unlimited));
    println!("at the server of Graphite at once, behind a flush: {unbuffered:?} without a buffer, {buffered:?} with one");
    assert_eq!((unbuffered, buffered), ((false, true), (true, true)));
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
