#!/usr/bin/env bash
# Two maps with expiry for Rust miscount: timedmap 1.0.2 has no value, and is not empty; ttl_cache 0.5.1 shows nothing from its end if the newest
# value has expired.
#
# Expected: `is_empty` is true "when the map does not contain any non-expired key-value pair" (its documentation); an iterator gives the same values
# from its end as from its beginning (std, DoubleEndedIterator).
# Seen: timedmap counts the values that have not expired for `len`, and all for `is_empty`, until they are asked for: a loop until the map is empty
# goes on. `iter().rev()` of ttl_cache ends at the first value that has expired, which for values of different times is often the last one; `iter()`
# passes over it.
#
# Usage: findings/timedmap-is-not-empty-with-no-value-in-it.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "maps"
version = "0.0.0"
edition = "2024"

[dependencies]
timedmap = "=1.0.2"
ttl_cache = "=0.5.1"
TOML

cat >"$work/src/main.rs" <<'RUST'
use std::thread::sleep;
use std::time::Duration;
use timedmap::TimedMap;
use ttl_cache::TtlCache;

fn main() {
    let map = TimedMap::new();
    map.insert("a", 1, Duration::from_millis(20));
    let mut cache = TtlCache::new(10);
    cache.insert("a", 1, Duration::from_secs(60));
    cache.insert("b", 2, Duration::from_secs(60));
    cache.insert("c", 3, Duration::from_millis(20));
    sleep(Duration::from_millis(100));

    println!("timedmap: len {}, is_empty {}", map.len(), map.is_empty());
    assert_eq!((map.len(), map.is_empty()), (0, false));
    assert_eq!((map.get(&"a"), map.is_empty()), (None, true));

    let forward = cache.iter().map(|(key, _)| *key).collect::<String>();
    let backward = cache.iter().rev().map(|(key, _)| *key).collect::<String>();
    println!("ttl_cache: from its beginning {forward:?}, from its end {backward:?}");
    assert_eq!((forward.as_str(), backward.as_str()), ("ab", ""));
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
