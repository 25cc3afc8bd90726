#!/usr/bin/env bash
# rs-snowflake 0.6.0: the ids of a bucket carry the time at which the bucket was made, and come in falling order.
#
# Expected: "the Twitter snowflake algorithm" (documentation), whose ids begin with the milliseconds in which they were made, so that
# they sort by time (README of twitter-archive/snowflake: "roughly time ordered").
# Seen: `SnowflakeIdBucket::get_id` takes the last one of 4,091 ids that were made before, and the next 4,091 go on from the
# millisecond after these, not from the clock. An id that is taken half a second later has a time half a second before
# its own; a service that takes ten ids a second falls behind by nearly that second each second. Each id is less than
# the one before it. `real_time_generate` has the time of the call, and rises.
#
# Rows of two servers cannot be sorted by id, "newest first" shows the oldest of the bucket first, and whoever reads the time from
# an id reads when the process was started.
#
# Usage: findings/rs-snowflake-bucket-stops-the-clock.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "ids"
version = "0.0.0"
edition = "2024"

[dependencies]
rs-snowflake = "=0.6.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use snowflake::{SnowflakeIdBucket, SnowflakeIdGenerator};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn main() {
    let mut bucket = SnowflakeIdBucket::new(1, 1);
    let mut generator = SnowflakeIdGenerator::new(1, 1);
    let made = now();
    let (first, second) = (bucket.get_id(), bucket.get_id());
    println!("from the bucket: {first}, then {second}");
    assert!(second < first);
    assert!(generator.real_time_generate() < generator.real_time_generate());

    for _ in 0..3 {
        thread::sleep(Duration::from_millis(500));
        // More than one bucket full, so that the bucket makes new ids.
        let time = (0..5_000).map(|_| bucket.get_id() >> 22).max().unwrap();
        let taken = now();
        let time_of_generator = generator.real_time_generate() >> 22;
        println!("{} ms later: the newest id says {} ms, the generator's {} ms", taken - made, time - made, time_of_generator - made);
        assert!(time - made < 50);
        assert!(time_of_generator >= taken);
    }
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
