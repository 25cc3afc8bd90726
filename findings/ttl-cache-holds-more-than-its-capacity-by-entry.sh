#!/usr/bin/env bash
# ttl_cache 0.5.1 holds any number of items, whatever its capacity, if they are put in through `entry`.
#
# Expected: `TtlCache::new` creates "an empty cache that can hold at most `capacity` items"; `insert` removes the oldest one when
# there are more.
# Seen: the vacant entry's `insert` puts the item in and removes none: a cache of two holds a thousand, and all of them
# are found. The next `insert` of the cache itself removes one item, not the 998 that are too many.
#
# `entry(key)` is the usual way to fill a cache where a key is missing: the cache then grows with the number of clients, or of
# addresses, until items expire.
#
# Usage: findings/ttl-cache-holds-more-than-its-capacity-by-entry.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "cache"
version = "0.0.0"
edition = "2024"

[dependencies]
ttl_cache = "=0.5.1"
TOML

cat >"$work/src/main.rs" <<'RUST'
use std::time::Duration;
use ttl_cache::{Entry, TtlCache};

const HOUR: Duration = Duration::from_secs(3600);

fn main() {
    let mut cache = TtlCache::new(2);
    for key in 0..1_000 {
        cache.insert(key, "value", HOUR);
    }
    println!("by insert: capacity {}, {} items", cache.capacity(), cache.iter().count());
    assert_eq!((cache.capacity(), cache.iter().count()), (2, 2));

    let mut cache = TtlCache::new(2);
    for key in 0..1_000 {
        if let Entry::Vacant(entry) = cache.entry(key) {
            entry.insert("value", HOUR);
        }
    }
    println!("by entry: capacity {}, {} items", cache.capacity(), cache.iter().count());
    assert_eq!((cache.capacity(), cache.iter().count()), (2, 1_000));
    assert!((0..1_000).all(|key| cache.contains_key(&key)));
    cache.insert(1_000, "value", HOUR);
    assert_eq!(cache.iter().count(), 1_000);
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
