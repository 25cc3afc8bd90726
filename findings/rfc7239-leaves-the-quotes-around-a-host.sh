#!/usr/bin/env bash
# rfc7239 0.1.3 (Rust) hands out the host and the protocol of a Forwarded with the quotes that they were written in.
#
# Expected: `value = token / quoted-string` (RFC 7239 section 4), and the text of a quoted string is what stands between its
# quotes (RFC 9110 section 5.6.4). A host with a port has a colon, which no token has, so it is always in quotes.
# Seen: of `host="a.example:80"` the host is 15 bytes of which two are quotes, and `proto="https"` is `"https"` with them; without quotes
# both are right. The quotes around an address in `for` are taken off. A comma in a quoted host divides the element in two.
#
# A service that builds its links from this host builds `https://"a.example:80"/`, and one that compares the protocol finds no https.
#
# Usage: findings/rfc7239-leaves-the-quotes-around-a-host.sh
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
rfc7239 = "=0.1.3"
TOML

cat >"$work/src/main.rs" <<'RUST'
fn main() {
    for (field, host, protocol) in [
        ("for=192.0.2.1;host=a.example;proto=https", "a.example", "https"),
        (r#"for="192.0.2.1:40000";host="a.example:80";proto=https"#, r#""a.example:80""#, "https"),
        (r#"for=192.0.2.1;host=a.example;proto="https""#, "a.example", r#""https""#),
    ] {
        let node = rfc7239::parse(field).next().unwrap().unwrap();
        let from = node.forwarded_for.unwrap().to_string();
        println!("{field}: for {from}, host {}, protocol {}", node.host.unwrap(), node.protocol.unwrap());
        assert!(from.starts_with("192.0.2.1"));
        assert_eq!((node.host, node.protocol), (Some(host), Some(protocol)));
    }
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
