#!/usr/bin/env bash
# httpdate 1.0.3 refuses a date of HTTP that falls on a leap second.
#
# Expected: seconds from 00 to 60; the grammar of RFC 9110 section 5.6.7 names "00:00:00 - 23:59:60 (leap second)".
# Seen: `parse_http_date` answers an error for the last second of 2016, in the preferred form and in both obsolete ones,
# while it takes the seconds on either side. Python's email.utils reads the same text.
#
# A field such as If-Modified-Since or Expires with such a date is ignored by software built on it, as any other one that cannot
# be read: a client gets the whole file again, and an expiry that was meant is lost.
#
# Usage: findings/httpdate-refuses-a-leap-second.sh
# Needs cargo, the crates registry and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "leap"
version = "0.0.0"
edition = "2024"

[dependencies]
httpdate = "=1.0.3"
TOML

cat >"$work/src/main.rs" <<'RUST'
fn main() {
    for (date, is_read) in [
        ("Sat, 31 Dec 2016 23:59:59 GMT", true),
        ("Sat, 31 Dec 2016 23:59:60 GMT", false),
        ("Saturday, 31-Dec-16 23:59:60 GMT", false),
        ("Sat Dec 31 23:59:60 2016", false),
        ("Sun, 01 Jan 2017 00:00:00 GMT", true),
    ] {
        let read = httpdate::parse_http_date(date);
        println!("{date}: {}", if read.is_ok() { "read" } else { "refused" });
        assert_eq!(read.is_ok(), is_read);
    }
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
python3 -c 'from email.utils import parsedate; assert parsedate("Sat, 31 Dec 2016 23:59:60 GMT")[5] == 60'
echo "as described"
