#!/usr/bin/env bash
# quantiles 0.7.1: a CKMS sketch that is added to another one counts with the samples that it keeps, not with the values
# that it has seen.
#
# Expected: `CKMS` implements AddAssign; its query gives a value whose rank is off by at most the error times the number of values inserted
# (documentation of `CKMS::new` and `query`).
# Seen: of 1,000 values of about 1,000 and 100,000 values below 1, with an error of 0.01, `count` says 101,000 and the value at
# 90 % is above 1,000: the second sketch keeps some thousand samples, each of which is taken for one value. One sketch of all
# values says less than 1, as it is.
#
# Workers that add up their sketches every minute report the latency of the one with the fewest requests.
#
# Usage: findings/quantiles-forgets-the-weight-of-a-sketch-that-is-added.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "sketches"
version = "0.0.0"
edition = "2024"

[dependencies]
quantiles = "=0.7.1"
TOML

cat >"$work/src/main.rs" <<'RUST'
use quantiles::ckms::CKMS;

fn sketch(values: impl Iterator<Item = f64>) -> CKMS<f64> {
    let mut sketch = CKMS::new(0.01);
    values.for_each(|value| sketch.insert(value));
    sketch
}

fn main() {
    let few = || (0..1_000).map(|number| 1_000.0 + f64::from(number) / 1_000.0);
    let many = || (0..100_000).map(|number| f64::from(number) / 100_000.0);
    let mut added = sketch(few());
    added += sketch(many());
    let whole = sketch(few().chain(many()));
    for (name, sketch, is_right) in [("one sketch of all", whole, true), ("added", added, false)] {
        let (_, value) = sketch.query(0.9).unwrap();
        println!("{name}: {} values, at 90 % {value}", sketch.count());
        assert_eq!(sketch.count(), 101_000);
        assert_eq!(value < 1.0, is_right);
        assert_eq!(value > 1_000.0, !is_right);
    }
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
