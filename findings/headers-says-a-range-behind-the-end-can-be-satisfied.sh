#!/usr/bin/env bash
# headers 0.4.2: `Range::satisfiable_ranges` hands out ranges that lie behind the end, and none for a suffix that is longer than what there
# is.
#
# Expected: "all ranges that can be satisfied will be iterated" (its documentation). A range is satisfiable if its first position is
# less than the length, or if it is a suffix that is not 0; a suffix longer than the whole stands for the whole; a range whose last
# position is before its first is invalid; units have no case (RFC 9110 sections 14.1 to 14.1.2).
# Seen: of 100 bytes `bytes=100-`, `bytes=200-300` and `bytes=-0` are handed out as they are, with bounds outside of the 100 bytes, so is
# `bytes=50-20` with the bounds the wrong way round; `bytes=-200` is not. `BYTES=0-1` is an error. http-range-header 1.0.0 and
# http-range 0.1.6 get all of them right.
#
# A server that slices by these bounds fails where it owes a 416, and answers 416 to who asks for the last 200 bytes of a short log.
#
# Usage: findings/headers-says-a-range-behind-the-end-can-be-satisfied.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "ranges"
version = "0.0.0"
edition = "2024"

[dependencies]
headers = "=0.4.2"
http-range = "=0.1.6"
http-range-header = "=1.0.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use headers::{Header, HeaderValue, Range};
use std::ops::Bound::{self, Included, Unbounded};

const LENGTH: u64 = 100;

/// The ranges of a field: those that `headers` says, and first byte and length as the two others say.
fn read(field: &'static str) -> (Option<Vec<(Bound<u64>, Bound<u64>)>>, Vec<(u64, u64)>, Vec<(u64, u64)>) {
    let value = HeaderValue::from_static(field);
    let range = Range::decode(&mut [&value].into_iter()).ok();
    let parsed = http_range_header::parse_range_header(field).ok().and_then(|ranges| ranges.validate(LENGTH).ok());
    let second = http_range::HttpRange::parse(field, LENGTH).unwrap_or_default();
    (
        range.map(|range| range.satisfiable_ranges(LENGTH).collect()),
        parsed.unwrap_or_default().iter().map(|range| (*range.start(), range.end() - range.start() + 1)).collect(),
        second.iter().map(|range| (range.start, range.length)).collect(),
    )
}

fn main() {
    for (field, said, right) in [
        ("bytes=0-9", Some(vec![(Included(0), Included(9))]), vec![(0, 10)]),
        ("bytes=-5", Some(vec![(Included(95), Unbounded)]), vec![(95, 5)]),
        ("bytes=-200", Some(vec![]), vec![(0, 100)]),
        ("bytes=100-", Some(vec![(Included(100), Unbounded)]), vec![]),
        ("bytes=200-300", Some(vec![(Included(200), Included(300))]), vec![]),
        ("bytes=-0", Some(vec![(Included(100), Unbounded)]), vec![]),
        ("bytes=50-20", Some(vec![(Included(50), Included(20))]), vec![]),
        ("BYTES=0-1", None, vec![(0, 2)]),
    ] {
        let (by_headers, first, second) = read(field);
        println!("{field}: headers {by_headers:?}; right is {right:?}");
        assert_eq!((by_headers, first, second), (said, right.clone(), right));
    }
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
