#!/usr/bin/env bash
# parse_link_header 0.4.1 (Rust) joins relations and words, and takes a comma inside an address for the next link.
#
# Expected: `rel="next last"` are two relations (RFC 8288 section 3.3); an address stands between `<` and `>` and may have commas (RFC 3986 section
# 2.2); a parameter may have a quoted value, with blanks, commas and semicolons, or none (RFC 8288 section 3).
# Seen: all blanks and quotes are taken out of the field first: the relation is `nextlast`, and a title `HelloWorld`. Of
# `<https://example.org/?ids=1,2>` it makes two links, one to `?ids=1` without a relation, and one to `2`. A query without `=` is an error for all
# links, as `crossorigin` and a semicolon in a title are. Of two links with one relation the first is lost. `REL` is no relation.
#
# Usage: findings/parse-link-header-of-rust-joins-relations.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "links"
version = "0.0.0"
edition = "2024"

[dependencies]
parse_link_header = "=0.4.1"
TOML

cat >"$work/src/main.rs" <<'RUST'
use parse_link_header::parse;

fn main() {
    for (field, seen) in [
        ("</a>; rel=\"next\", </b>; rel=\"last\"", "last /b, next /a"),
        ("</a>; rel=\"next last\"", "nextlast /a"),
        ("<https://example.org/?ids=1,2>; rel=\"next\"", "- https://example.org/?ids=1, next 2"),
        ("</a>; rel=next; title=\"b, c\"", "- c, next /a"),
        ("</a>; rel=next; title=\"b; c\"", "malformed parameter list"),
        ("</a>; rel=preload; as=font; crossorigin", "malformed parameter list"),
        ("<https://example.org/?all>; rel=\"next\"", "malformed URI query"),
        ("</a>; rel=alternate, </b>; rel=alternate", "alternate /b"),
        ("</a>; REL=next", "- /a"),
    ] {
        let said = parse(field).map_or_else(
            |error| error.to_string(),
            |links| {
                let mut links: Vec<_> = links.iter().map(|(rel, link)| format!("{} {}", rel.as_deref().unwrap_or("-"), link.raw_uri)).collect();
                links.sort();
                links.join(", ")
            },
        );
        println!("{field}: {said}");
        assert_eq!(said, seen);
    }
    let titled = parse("</a>; rel=next; title=\"Hello World\"").unwrap();
    println!("a title: {}", titled[&Some("next".to_string())].params["title"]);
    assert_eq!(titled[&Some("next".to_string())].params["title"], "HelloWorld");
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
echo "as described"
