#!/usr/bin/env bash
# content-disposition-parser 1.0.2 (Node.js) and content_disposition 0.4.0 (Rust) cut a file name at a semicolon, and leave the backslashes
# in it; of two names the Rust one takes the lesser.
#
# Expected: a file name is a token or a quoted string, in which a semicolon is a character and a backslash quotes the next one (RFC
# 6266 section 4.1, RFC 9110 section 5.6.4). Where there are both, `filename*` is the one to pick (RFC 6266 section 4.3).
# Seen: of `filename="a;b.txt"` both make `a`, the Rust one with the quote before it; the other makes a parameter `b.txt"` of the rest.
# `"a\"b.txt"` keeps its backslash. With `filename="a.txt"; filename*=UTF-8''b%20c.txt` `filename_full` says `a.txt`. content-disposition-header
# 0.6.0 reads all.
#
# What is saved has no extension, or a name that the sender did not give.
#
# Usage: findings/content-disposition-parser-cuts-a-file-name-at-a-semicolon.sh
# Needs cargo, Node.js 20, npm and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src

cat >Cargo.toml <<'TOML'
[package]
name = "names"
version = "0.0.0"
edition = "2024"

[dependencies]
content_disposition = "=0.4.0"
TOML

cat >src/main.rs <<'RUST'
use content_disposition::parse_content_disposition;

fn main() {
    for (field, seen) in [
        (r#"attachment; filename="a b.txt""#, "a b.txt"),
        (r#"attachment; filename="a;b.txt""#, "\"a"),
        (r#"attachment; filename="a\"b.txt""#, r#"a\"b.txt"#),
        ("attachment; filename=\"a.txt\"; filename*=UTF-8''b%20c.txt", "a.txt"),
    ] {
        let name = parse_content_disposition(field).filename_full().unwrap();
        println!("content_disposition, {field}: {name}");
        assert_eq!(name, seen);
    }
}
RUST
cargo run --quiet

echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund content-disposition-parser@1.0.2 content-disposition-header@0.6.0
cat >names.js <<'JAVASCRIPT'
const assert = require('assert');
const parse = require('content-disposition-parser');
const other = require('content-disposition-header');
for (const [field, seen, right] of [
    ['attachment; filename="a b.txt"', 'a b.txt', 'a b.txt'],
    ['attachment; filename="a;b.txt"', 'a', 'a;b.txt'],
    ['attachment; filename="a\\"b.txt"', 'a\\"b.txt', 'a"b.txt'],
    ["attachment; filename=\"a.txt\"; filename*=UTF-8''b%20c.txt", 'b c.txt', 'b c.txt'],
]) {
    const said = [parse(field).filename, other.parse(field).parameters.filename];
    console.log(`content-disposition-parser, ${field}: ${said[0]}, content-disposition-header ${said[1]}`);
    assert.deepStrictEqual(said, [seen, right]);
}
assert.ok('b.txt"' in parse('attachment; filename="a;b.txt"'));
JAVASCRIPT
node names.js
echo "as described"
