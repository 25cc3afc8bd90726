#!/usr/bin/env bash
# line-protocol 0.1.0 (Rust) writes lines for InfluxDB that are refused, or that mean something else, as soon as a tag or a name has a
# blank, a comma or an equals sign, and changes strings.
#
# Expected: in measurements, tag keys, tag values and field keys commas and blanks have a backslash before them, in the last three equals
# signs too; quotes are for the values of string fields alone, in which only `"` and `\` are escaped (InfluxDB, line protocol
# reference, "Special characters" and "Quotes").
# Seen: a tag value with a blank is put in quotes, so the line ends in the middle of it for the reader; commas and equals
# signs are left as they are: `a,b=c` becomes two tags. Names are not escaped at all. A string field is written as Rust
# source: a tab arrives as a backslash and a t, a zero width space as `\u{200b}`. No error.
#
# Routes, user agents and names of hosts' roles are such tags: the points are missing, or are another series.
#
# Usage: findings/line-protocol-of-rust-quotes-a-tag-with-a-blank.sh
# Needs cargo and the crates registry, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --disable-pip-version-check line-protocol-parser==2.0.1

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "lines"
version = "0.0.0"
edition = "2024"

[dependencies]
line-protocol = "=0.1.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use line_protocol::LineProtocolBuilder;

fn main() {
    for (measurement, tag, text) in [
        ("requests", "plain", "plain"),
        ("requests", "two words", "plain"),
        ("requests", "a,b=c", "plain"),
        ("requests", "a,b", "plain"),
        ("two words", "plain", "plain"),
        ("requests", "plain", "a \"quoted\" \\ part"),
        ("requests", "plain", "a\ttab"),
        ("requests", "plain", "zero\u{200b}width"),
    ] {
        let line = LineProtocolBuilder::default().measurement(measurement).tag("tag", tag).field("text", text).build();
        println!("{}", line.unwrap());
    }
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml" >"$work/lines"

"$work/python/bin/python" - "$work/lines" <<'PYTHON'
import sys

from line_protocol_parser import LineFormatError, parse_line

# What a reader makes of the lines: measurement, tags and text, or None for an error.
for line, expected in zip(
    open(sys.argv[1]).read().splitlines(),
    [
        ("requests", {"tag": "plain"}, "plain"),
        None,  # the tag "two words"
        ("requests", {"tag": "a", "b": "c"}, "plain"),
        None,  # the tag "a,b"
        None,  # the measurement "two words"
        ("requests", {"tag": "plain"}, 'a "quoted" \\ part'),
        ("requests", {"tag": "plain"}, "a\\ttab"),
        ("requests", {"tag": "plain"}, "zero\\u{200b}width"),
    ],
    strict=True,
):
    try:
        read = parse_line(line)
        read = (read["measurement"], read["tags"], read["fields"]["text"])
    except LineFormatError:
        read = None
    print(f"{line}: {read or 'refused'}")
    assert read == expected, (read, expected)
PYTHON
echo "as described"
