#!/usr/bin/env bash
# cache_control 0.2.0 (Rust) reads no s-maxage, though it has a field for it, forgets one of `private` and `no-cache`, and knows no directive in other
# letters.
#
# Expected: `s_max_age` is a field of its result. Directives have no case, and several of them hold at once (RFC 9111 sections 5.2 and 5.2.2);
# `max-stale` without a value means "a stale response of any age" (section 5.2.1.2).
# Seen: of `s-maxage=60` the field is None. `private, no-cache` is NoCache alone, and `no-cache, private` is Private alone, since one field holds
# both: a shared cache may keep the first, and a browser need not ask again for the second. `No-Cache` and `NO-STORE` say nothing. For a field with
# `max-stale` there is no result at all.
#
# Usage: findings/cache-control-of-rust-reads-no-s-maxage.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "directives"
version = "0.0.0"
edition = "2024"

[dependencies]
cache_control = "=0.2.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use cache_control::{Cachability, CacheControl};
use std::time::Duration;

fn main() {
    let read = |field: &str| {
        let read = CacheControl::from_value(field);
        println!("{field}: {read:?}");
        read
    };
    let shared = read("max-age=5, s-maxage=60").unwrap();
    assert_eq!((shared.max_age, shared.s_max_age), (Some(Duration::from_secs(5)), None));
    assert_eq!(read("private, no-cache").unwrap().cachability, Some(Cachability::NoCache));
    assert_eq!(read("no-cache, private").unwrap().cachability, Some(Cachability::Private));
    assert_eq!(read("No-Cache, NO-STORE"), Some(CacheControl::default()));
    assert_eq!(read("max-stale, no-transform"), None);
    assert!(read("max-stale=60, no-transform").is_some());
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
