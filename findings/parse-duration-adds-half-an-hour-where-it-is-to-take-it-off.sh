#!/usr/bin/env bash
# parse_duration 2.1.1 reads a negative decimal with the sign on its whole part only: "1 day -0.5 hours" is a day and half an hour.
#
# Expected: its documentation: "negative numbers, decimals and exponents are allowed", with "1 day -1 hour" as one hour less than a day; a result fails that
# is too long or negative in total. "wks" is among the abbreviations that "are also accepted".
# Seen: -0.5 hours are 30 minutes more, -1.5 hours 30 minutes less, -1.9 hours 6 minutes less and -1.9e0 hours too, while -15e-1 hours, the same as -1.5,
# are 90 minutes less. "1 second -500 milliseconds" is an error, OutOfBounds, though the total is positive; "1000 milliseconds -500 milliseconds" is not.
# "2 wks" is an error, UnknownUnit; "2 weeks" and "2 w" are read.
#
# A timeout of "1 hour -0.5 minutes" is longer than its limit of an hour, without a word.
#
# Usage: findings/parse-duration-adds-half-an-hour-where-it-is-to-take-it-off.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "durations"
version = "0.0.0"
edition = "2024"

[dependencies]
parse_duration = "=2.1.1"
TOML

cat >"$work/src/main.rs" <<'RUST'
use parse_duration::parse::Error;
use parse_duration::parse;

const DAY: f64 = 86_400.0;

fn main() {
    for (text, right, seen) in [
        ("1 day -1 hour", DAY - 3600.0, DAY - 3600.0),
        ("1 day 1.5 hours", DAY + 5400.0, DAY + 5400.0),
        ("1 day -15e-1 hours", DAY - 5400.0, DAY - 5400.0),
        ("1 day -0.5 hours", DAY - 1800.0, DAY + 1800.0),
        ("1 day -1.5 hours", DAY - 5400.0, DAY - 1800.0),
        ("1 day -1.9 hours", DAY - 6840.0, DAY - 360.0),
        ("1 day -1.9e0 hours", DAY - 6840.0, DAY - 360.0),
        ("1 hour -0.5 minutes", 3570.0, 3630.0),
        ("1000 milliseconds -500 milliseconds", 0.5, 0.5),
        ("2 weeks", 14.0 * DAY, 14.0 * DAY),
        ("2 w", 14.0 * DAY, 14.0 * DAY),
    ] {
        let seconds = parse(text).expect("a duration").as_secs_f64();
        println!("{text}: {seconds} s, right is {right}");
        assert!((seconds - seen).abs() < 0.001, "it was {seen}");
    }

    let below_a_second = parse("1 second -500 milliseconds");
    println!("1 second -500 milliseconds: {below_a_second:?}");
    assert!(matches!(below_a_second, Err(Error::OutOfBounds(_))));
    let weeks = parse("2 wks");
    println!("2 wks: {weeks:?}");
    assert_eq!(weeks, Err(Error::UnknownUnit("wks".to_owned())));
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
