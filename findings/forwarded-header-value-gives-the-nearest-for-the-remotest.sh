#!/usr/bin/env bash
# forwarded-header-value 0.1.1: `into_remotest` gives the nearest proxy's element of Forwarded, and four valid forms of an
# element are errors for the whole field.
#
# Expected: `into_remotest` is `remotest` by value, the first element, which tells of the client (RFC 7239 section 4).
# A node may have an obfuscated port, "unknown" may have a port and is compared without regard to case, `proto` may be any
# scheme, and a comma inside a quoted string divides nothing (sections 4, 6 and 5.4).
# Seen: `remotest` gives the first element, `into_remotest` the last one, the same as `into_proximate`. With one element all
# of them agree, so tests with one proxy stay green. Each of the other forms is an error, which takes the addresses of
# the other elements along.
#
# Logs and limits by address then count the last proxy but one in place of the client as soon as there are two of them.
#
# Usage: findings/forwarded-header-value-gives-the-nearest-for-the-remotest.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "forwarded"
version = "0.0.0"
edition = "2024"

[dependencies]
forwarded-header-value = "=0.1.1"
TOML

cat >"$work/src/main.rs" <<'RUST'
use forwarded_header_value::ForwardedHeaderValue;

fn main() {
    let read = || ForwardedHeaderValue::from_forwarded("for=192.0.2.43, for=198.51.100.17").unwrap();
    let address = |element: &forwarded_header_value::ForwardedStanza| element.forwarded_for_ip().unwrap().to_string();
    println!("remotest: {}", address(read().remotest()));
    println!("into_remotest: {}", address(&read().into_remotest()));
    assert_eq!(address(read().remotest()), "192.0.2.43");
    assert_eq!(address(&read().into_remotest()), "198.51.100.17");

    for (field, is_read) in [
        ("for=192.0.2.43, for=192.0.2.60;proto=https", true),
        ("for=192.0.2.43, for=192.0.2.60;proto=wss", false),
        ("for=192.0.2.43, for=\"192.0.2.60:_secret\"", false),
        ("for=192.0.2.43, for=unknown", true),
        ("for=192.0.2.43, for=\"unknown:8080\"", false),
        ("for=192.0.2.43, for=192.0.2.60;comment=\"one, two\"", false),
    ] {
        let read = ForwardedHeaderValue::from_forwarded(field);
        println!("{field}: {}", if read.is_ok() { "read" } else { "refused" });
        assert_eq!(read.is_ok(), is_read);
    }
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
