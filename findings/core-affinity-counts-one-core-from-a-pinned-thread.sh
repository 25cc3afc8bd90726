#!/usr/bin/env bash
# core_affinity 0.8.3, Linux: `get_core_ids` on a thread that is pinned finds one core, also in every thread begun there.
#
# Expected: "the ids of all active CPU cores on the current machine", as its documentation says, whoever asks.
# Seen: the list is the affinity mask of the calling thread (sched_getaffinity(2) with pid 0). After `set_for_current` it
# holds that one core, and threads inherit the mask (pthread_create(3)). A program that pins its main thread first,
# or asks again later from a worker to grow its pool, sees a machine with one core.
#
# The list has to be taken once, before anything is pinned, and kept.
#
# Usage: findings/core-affinity-counts-one-core-from-a-pinned-thread.sh
# Needs cargo, the crates registry and two CPUs. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "core-ids"
version = "0.0.0"
edition = "2024"

[dependencies]
core_affinity = "=0.8.3"
TOML

cat >"$work/src/main.rs" <<'RUST'
fn count() -> usize {
    core_affinity::get_core_ids().unwrap().len()
}

fn main() {
    let cores = core_affinity::get_core_ids().unwrap();
    assert!(cores.len() > 1, "two CPUs are needed");
    let elsewhere = std::thread::spawn(|| {
        std::thread::park();
        count()
    });
    assert!(core_affinity::set_for_current(cores[0]));
    let pinned = count();
    let child = std::thread::spawn(count).join().unwrap();
    elsewhere.thread().unpark();
    let other = elsewhere.join().unwrap();
    println!("{} cores; from the pinned thread {pinned}, from a thread begun there {child}, from one begun before {other}", cores.len());
    assert_eq!((pinned, child, other), (1, 1, cores.len()));
    println!("as described");
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
