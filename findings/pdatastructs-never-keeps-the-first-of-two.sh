#!/usr/bin/env bash
# pdatastructs 0.7.0: its reservoir sampling prefers what came late; with room for one it never has the first element.
#
# Expected: it gives "a set of representative samples"; of n elements each one is in a reservoir of k with the probability k/n (Vitter's algorithm R and the
# article on "very fast reservoir sampling" that its documentation refers to). By its own text an element replaces another if a random number of 1 to i,
# "i being the number of seen elements", is k at most, and behind 4k elements some are skipped.
# Seen: with k = 1 the second of two elements is kept each time. With k = 5 the sixth is kept each time, and the first five have 96 percent of their part.
# With k = 10 and n = 100 the first ten have two thirds of their part, and the last twenty 18 percent too much: the random number is one of i - 1, and a
# skip is one shorter than what was drawn.
#
# A histogram of times from such a reservoir shows the end of a run and forgets its start.
#
# Usage: findings/pdatastructs-never-keeps-the-first-of-two.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "samples"
version = "0.0.0"
edition = "2024"

[dependencies]
pdatastructs = "=0.7.0"
rand = "=0.8.5"
TOML

cat >"$work/src/main.rs" <<'RUST'
use pdatastructs::reservoirsampling::ReservoirSampling;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::ops::Range;

const RUNS: u64 = 20_000;

/// How often each of n elements is kept, as a part of how often it should be.
fn shares(room: usize, elements: usize) -> Vec<f64> {
    let mut counts = vec![0.0; elements];
    for seed in 0..RUNS {
        let mut sampling = ReservoirSampling::new(room, StdRng::seed_from_u64(seed));
        (0..elements).for_each(|element| sampling.add(element));
        sampling.reservoir().iter().for_each(|element| counts[*element] += 1.0);
    }
    let right = RUNS as f64 * room as f64 / elements as f64;
    counts.into_iter().map(|count| count / right).collect()
}

fn check(shares: &[f64], of: Range<usize>, expected: Range<f64>) {
    let mean = shares[of.clone()].iter().sum::<f64>() / of.len() as f64;
    println!("{} elements, those from {} to {}: {mean:.3} of their part", shares.len(), of.start + 1, of.end);
    assert!(expected.contains(&mean), "it was in {expected:?}");
}

fn main() {
    let two = shares(1, 2);
    check(&two, 0..1, 0.0..0.000_1);
    check(&two, 1..2, 2.0..2.000_1);

    let six = shares(5, 6);
    check(&six, 0..5, 0.95..0.97);
    // Each of the 20000 runs has it: the whole instead of five sixths.
    check(&six, 5..6, 1.199..1.201);

    let hundred = shares(10, 100);
    check(&hundred, 0..10, 0.6..0.75);
    check(&hundred, 50..100, 1.1..1.25);
    check(&hundred, 80..100, 1.13..1.27);
    println!("as described");
}
RUST
cargo run --quiet --release --manifest-path "$work/Cargo.toml"
