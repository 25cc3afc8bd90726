#!/usr/bin/env bash
# haproxy-protocol 0.0.4: the reader of streams refuses the shortest header of PROXY version 1, which health checks send.
#
# Expected: "PROXY UNKNOWN" and a line end, 15 bytes, is a whole header; what follows belongs to the protocol behind it
# (proxy-protocol.txt 2.1: "other families" and proxies that cannot tell the address send it).
# Seen: `ProxyHdrV1::parse_from_read` begins by reading 32 bytes, the length of the shortest header with addresses. Of a
# client that speaks first it takes the first 17 bytes of the request with the header, and gives up with an error. Where the
# server speaks first it waits for bytes that are not due. `ProxyHdrV1::parse` reads the same bytes well: 15 taken.
#
# A server built on it is reported as down by a checker that sends this form, while clients with addresses get through.
#
# Usage: findings/haproxy-protocol-wants-32-bytes-of-a-header-of-15.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "unknown"
version = "0.0.0"
edition = "2024"

[dependencies]
haproxy-protocol = { version = "=0.0.4", features = ["tokio"] }
tokio = { version = "1", features = ["macros", "rt"] }
TOML

cat >"$work/src/main.rs" <<'RUST'
use haproxy_protocol::{AsyncReadError, ProxyHdrV1};

const REQUEST: &str = "OPTIONS / HTTP/1.0\r\nHost: localhost\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let unknown = format!("PROXY UNKNOWN\r\n{REQUEST}");
    let (taken, _) = ProxyHdrV1::parse(unknown.as_bytes()).unwrap();
    println!("parse of UNKNOWN took {taken} bytes");
    assert_eq!(taken, 15);
    let read = ProxyHdrV1::parse_from_read(unknown.as_bytes()).await;
    println!("parse_from_read of UNKNOWN: {:?}", read.as_ref().map(|_| "read"));
    assert!(matches!(read, Err(AsyncReadError::InconsistentRead)));

    let known = format!("PROXY TCP4 192.0.2.1 198.51.100.1 40000 80\r\n{REQUEST}");
    let (rest, _) = ProxyHdrV1::parse_from_read(known.as_bytes()).await.unwrap();
    println!("parse_from_read of TCP4: read, {} bytes of the request left", rest.len());
    assert_eq!(rest, REQUEST.as_bytes());
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
