#!/usr/bin/env bash
# fly-accept-encoding 0.3.0 drops a coding from Accept-Encoding if there is a blank before or behind the semicolon of its weight, as clients write it.
#
# Expected: it is to parse "a set of HTTP headers into a vector containing tuples of options containing encodings and their corresponding q-values".
# `weight = OWS ";" OWS "q=" qvalue` (RFC 9110 section 12.4.2), names of codings have no case and x-gzip is gzip (8.4.1 and 8.4.1.3), "q" has none either
# (as a literal of ABNF, RFC 5234 section 2.3), and a qvalue has three decimals, the higher one being preferred (12.4.2).
# Seen: `gzip; q=1.0, identity; q=0.5` (the sample of RFC 9110 section 12.5.3 has these blanks) is an empty list, and so nothing is preferred; `gzip;q=0.5,
# br; q=1` prefers gzip; `GZIP`, `x-gzip` and `gzip;Q=1` are dropped. Of `gzip;q=0.991, br` gzip is preferred, being there first, with `gzip;q=0.98` br.
#
# Responses for such clients go out without compression, or with the coding that they want less, or with one where identity is wanted more.
#
# Usage: findings/fly-accept-encoding-loses-a-coding-with-a-blank-before-its-weight.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "codings"
version = "0.0.0"
edition = "2024"

[dependencies]
fly-accept-encoding = "=0.3.0"
http = "=1.4.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use fly_accept_encoding::{encodings, parse};
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

fn read(field: &'static str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(field));
    let all: Vec<_> = encodings(&headers)
        .expect("a list")
        .into_iter()
        .map(|(coding, weight)| format!("{} {weight}", coding.map_or("*".to_owned(), |coding| format!("{coding:?}"))))
        .collect();
    format!("[{}], preferred: {:?}", all.join(", "), parse(&headers).expect("a preference"))
}

fn main() {
    for (field, expected) in [
        ("gzip;q=1.0, identity;q=0.5, *;q=0", "[Gzip 1, Identity 0.5, * 0], preferred: Some(Gzip)"),
        ("gzip; q=1.0, identity; q=0.5", "[], preferred: None"),
        ("gzip;q=1.0, identity; q=0.5, *;q=0", "[Gzip 1, * 0], preferred: Some(Gzip)"),
        ("gzip;q=0.5, br;q=1", "[Gzip 0.5, Brotli 1], preferred: Some(Brotli)"),
        ("gzip;q=0.5, br; q=1", "[Gzip 0.5], preferred: Some(Gzip)"),
        ("gzip;q=0.5, identity ;q=0.9", "[Gzip 0.5], preferred: Some(Gzip)"),
        ("gzip", "[Gzip 1], preferred: Some(Gzip)"),
        ("GZIP", "[], preferred: None"),
        ("x-gzip", "[], preferred: None"),
        ("gzip;Q=1", "[], preferred: None"),
        ("gzip;q=0.98, br", "[Gzip 0.98, Brotli 1], preferred: Some(Brotli)"),
        ("gzip;q=0.991, br", "[Gzip 0.991, Brotli 1], preferred: Some(Gzip)"),
    ] {
        let seen = read(field);
        println!("{field}: {seen}");
        assert_eq!(seen, expected);
    }
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
