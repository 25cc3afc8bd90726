#!/usr/bin/env bash
# singleflight 0.3.0 lets one piece of work run at a time, whatever its key, and runs work of one key again for callers who
# waited for it.
#
# Expected: "a Rust port of Go's singleflight package"; `work` makes "sure that only one operation is in-flight at a given moment. If a
# duplicate call comes in, that caller will wait until the original call completes and return the same value". In Go's
# package calls of different keys run side by side.
# Seen: the lock of the whole group is held while the work runs. Two keys whose work takes 300 ms each take 600 ms. Of sixteen
# callers of one key, who all come while the first one works, some run the work again: they wait for the lock, and find no
# entry when they get it.
#
# A cache that is filled by it asks its slowest source first, one at a time, and asks it more than once.
#
# Usage: findings/singleflight-runs-all-keys-one-after-another.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "flight"
version = "0.0.0"
edition = "2024"

[dependencies]
singleflight = "=0.3.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const WORK: Duration = Duration::from_millis(300);

/// Calls `work` with these keys at the same time. Gives how often it ran, and how many ran side by side at most.
fn called(keys: &[&str]) -> (usize, usize) {
    let group = singleflight::Group::<()>::new();
    let (runs, running, most, start) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(keys.len()));
    thread::scope(|scope| {
        for key in keys {
            scope.spawn(|| {
                start.wait();
                group.work(key, || {
                    runs.fetch_add(1, Ordering::SeqCst);
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(WORK);
                    running.fetch_sub(1, Ordering::SeqCst);
                });
            });
        }
    });
    (runs.into_inner(), most.into_inner())
}

fn main() {
    let (runs, side_by_side) = called(&["a", "b", "c", "d"]);
    println!("four keys: the work ran {runs} times, {side_by_side} at a time");
    assert_eq!((runs, side_by_side), (4, 1));

    // Who gets the lock when is up to the system: that somebody runs the work again shows in one of a few rounds.
    let runs: Vec<usize> = (0..5).map(|_| called(&["a"; 16]).0).collect();
    println!("sixteen callers of one key: the work ran {runs:?} times");
    assert!(runs.iter().any(|&runs| runs > 1));
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
