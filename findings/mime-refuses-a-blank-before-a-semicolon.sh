#!/usr/bin/env bash
# mime 0.3.18 refuses media types whose parameters are written in forms that the grammar has.
#
# Expected: `parameters = *( OWS ";" OWS [ parameter ] )`, and a value is a token or a quoted string, which may be empty and may have a
# quote behind a backslash (RFC 9110 sections 5.6.4, 5.6.6 and 8.3.1).
# Seen: `application/json ; charset=utf-8` is a parse error (issue 172 of hyperium/mime, open), and so are an empty value `a=""`, a
# quote in a value `a="x\"y"` and an empty parameter `;;`. In `a="x\y"` the backslash stays. mediatype 0.23.0 reads all but the
# empty parameter.
#
# Servers decide by the parsed type whether a body is JSON or a form: such a request is answered with 415, though its body is fine.
#
# Usage: findings/mime-refuses-a-blank-before-a-semicolon.sh
# Needs cargo and the crates registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "types"
version = "0.0.0"
edition = "2024"

[dependencies]
mediatype = "=0.23.0"
mime = "=0.3.18"
TOML

cat >"$work/src/main.rs" <<'RUST'
use mediatype::ReadParams;

/// The value of the first parameter as each of the two says it.
fn read(text: &str) -> (Option<String>, Option<String>) {
    let first = text.parse::<mime::Mime>().ok().and_then(|mime| mime.params().next().map(|(_, value)| value.to_string()));
    let second = mediatype::MediaType::parse(text).ok();
    (first, second.and_then(|media| media.params().next().map(|(_, value)| value.unquoted_str().into_owned())))
}

fn main() {
    for (text, first, second) in [
        ("application/json; charset=utf-8", Some("utf-8"), Some("utf-8")),
        ("application/json ; charset=utf-8", None, Some("utf-8")),
        (r#"application/json; a="""#, None, Some("")),
        (r#"application/json; a="x\"y""#, None, Some("x\"y")),
        (r#"application/json; a="x\y""#, Some("x\\y"), Some("xy")),
        ("application/json;; a=b", None, None),
    ] {
        let said = read(text);
        println!("{text}: mime {:?}, mediatype {:?}", said.0, said.1);
        assert_eq!((said.0.as_deref(), said.1.as_deref()), (first, second));
    }
    println!("as described");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml"
