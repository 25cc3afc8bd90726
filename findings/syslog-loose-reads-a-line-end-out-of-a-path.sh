#!/usr/bin/env bash
# syslog_loose 0.23.0 reads `path="C:\new"` of a message by RFC 5424 as "C:", a line end and "ew", takes elements with other parameters for equal, and
# loses the blanks around a message.
#
# Expected: it parses "according to this standard". In a PARAM-VALUE only `"`, `\` and `]` are escaped, and another character behind a backslash is to be
# read as "a regular backslash followed by the following character" (RFC 5424 section 6.3.3). One blank separates MSG, which is free-form, from what is
# before it (6 and 6.4). Who implements PartialEq promises that a == b and b == c imply a == c, and Eq that it is an equivalence (std::cmp).
# Seen: params() makes a line end of `\n`, while `C:\table` stays as it is. An element without parameters is equal to each of the same name with some,
# and so are messages with them. The blanks before and behind a message are gone. With the host name "fe80::" (an IPv6 address is a valid HOSTNAME, 6.2.4)
# nothing at all is read of the message; "fe80::1" is.
#
# Paths of Windows in structured data come out broken, of indented lines the depth is lost, and who drops repeated messages drops different ones.
#
# Usage: findings/syslog-loose-reads-a-line-end-out-of-a-path.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "messages"
version = "0.0.0"
edition = "2024"

[dependencies]
syslog_loose = "=0.23.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use syslog_loose::{Message, Variant, parse_message};

fn read(text: &str) -> Message<&str> {
    parse_message(text, Variant::RFC5424)
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, expected: T) {
    println!("{what}: {seen:?}");
    assert_eq!(seen, expected);
}

fn main() {
    for (value, expected) in [
        (r"C:\table", r"C:\table"),
        (r"C:\\new", r"C:\new"),
        (r#"\"a\]"#, r#""a]"#),
        (r"C:\new", "C:\new"),
        (r"C:\table\new", "C:\\table\new"),
    ] {
        let text = format!(r#"<165>1 2003-10-11T22:14:15.003Z host app 7 id [file@1 path="{value}"] opened"#);
        let message = read(&text);
        let seen: Vec<String> = message.structured_data[0].params().map(|(_, value)| value).collect();
        check(value, seen, vec![expected.to_owned()]);
    }

    let with = |elements: &str| format!("<165>1 2003-10-11T22:14:15.003Z host app 7 id {elements} opened");
    let (none, one, two) = (with("[file@1]"), with(r#"[file@1 path="a"]"#), with(r#"[file@1 path="b"]"#));
    check("one path and another are equal", read(&one) == read(&two), false);
    check("no path and one are equal", read(&none) == read(&one), true);
    check("no path and another are equal", read(&none) == read(&two), true);

    check("a message", read("<165>1 - host app 7 id - opened").msg, "opened");
    check("an indented message", read("<165>1 - host app 7 id -     opened").msg, "opened");
    check("a message with blanks behind", read("<165>1 - host app 7 id - opened  ").msg, "opened");

    check("a host", read("<165>1 - fe80::1 app 7 id - opened").hostname, Some("fe80::1"));
    let network = "<165>1 - fe80:: app 7 id - opened";
    check("a host with colons at its end", read(network).hostname, None);
    check("its message", read(network).msg, network);
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
