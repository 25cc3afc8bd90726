#!/usr/bin/env bash
# weighted-rs 0.1.3: of two servers with weight 1 its random choice takes the first each time and the second never.
#
# Expected: its README: "The random algorithm is not smooth although it follows weight configuration". A server has the part of the choices that its
# weight is of the sum; remove_all() removes all, so that what is added next is chosen by its own weights.
# Seen: the first server has one part more than its weight and the last one less: 1 and 1 give 100 and 0 percent, 1 and 2 give two thirds and one third,
# the wrong way round, three of weight 1 give two thirds, a third and none. Behind remove_all() the old sum of the weights stays: after a server of
# weight 98, two of weight 1 share 2 and 98 percent. The two other algorithms of the crate are right.
#
# A load balancer with two equal backends, the common case, sends all to one; with a third to spare it never sends to that.
#
# Usage: findings/weighted-rs-never-picks-the-second-of-two-equals.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "weights"
version = "0.0.0"
edition = "2024"

[dependencies]
weighted-rs = "=0.1.3"
TOML

cat >"$work/src/main.rs" <<'RUST'
use weighted_rs::{RandWeight, RoundrobinWeight, SmoothWeight, Weight};

const CHOICES: usize = 100_000;

/// Percents of the choices that each of the servers has.
fn shares(balancer: &mut dyn Weight<Item = usize>, weights: &[isize]) -> Vec<f64> {
    for (server, weight) in weights.iter().enumerate() {
        balancer.add(server, *weight);
    }
    let mut counts = vec![0; weights.len()];
    for _ in 0..CHOICES {
        counts[balancer.next().expect("a server")] += 1;
    }
    counts.into_iter().map(|count: usize| count as f64 * 100.0 / CHOICES as f64).collect()
}

fn check(what: &str, seen: Vec<f64>, expected: &[f64]) {
    println!("{what}: {seen:.1?} percent");
    for (seen, expected) in seen.iter().zip(expected) {
        // Nothing at all is exact; the rest is by chance, and 1.5 is ten times the deviation of 100000 choices.
        assert!(if *expected == 0.0 { *seen == 0.0 } else { (seen - expected).abs() < 1.5 }, "it was {expected}");
    }
}

fn main() {
    let third = 100.0 / 3.0;
    check("smooth, 1 and 1", shares(&mut SmoothWeight::new(), &[1, 1]), &[50.0, 50.0]);
    check("round robin, 1 and 2", shares(&mut RoundrobinWeight::new(), &[1, 2]), &[third, 2.0 * third]);
    check("random, 1 and 1", shares(&mut RandWeight::new(), &[1, 1]), &[100.0, 0.0]);
    check("random, 1 and 2", shares(&mut RandWeight::new(), &[1, 2]), &[2.0 * third, third]);
    check("random, 1, 1 and 1", shares(&mut RandWeight::new(), &[1, 1, 1]), &[2.0 * third, third, 0.0]);
    check("random, 50 and 50", shares(&mut RandWeight::new(), &[50, 50]), &[51.0, 49.0]);

    let mut used = RandWeight::new();
    used.add(0, 98);
    used.remove_all();
    check("random, 1 and 1 behind remove_all()", shares(&mut used, &[1, 1]), &[2.0, 98.0]);
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
