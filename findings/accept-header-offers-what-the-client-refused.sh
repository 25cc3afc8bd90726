#!/usr/bin/env bash
# Readers of Accept pick a media type that the client has refused, or read nothing of a valid field.
#
#   accept-header 0.2.3 (Rust): `application/json;q=0` picks JSON, `text/html;q=0, */*` picks HTML. A comma in quotes and an empty element
#   are errors.
#   accept-types 0.4.1 (Python): `application/json;q=0` and `*/*;q=0` pick JSON. `TEXT/HTML` is unknown.
#   python-mimeparse 2.0.0 (Python): a comma in quotes is an error, and `TEXT/HTML` is unknown.
#
# Expected: a weight of 0 means "not acceptable" (RFC 9110 section 12.4.2); a parameter may have a quoted string for its value (sections
# 5.6.6 and 12.5.1), empty elements of a list are ignored (section 5.6.1.2), and types have no case (section 8.3.1).
# Seen: as above. WebOb 1.8.11 reads all of them well.
#
# A client that wants anything but HTML gets HTML, and one that names a profile with a comma in it gets an error.
#
# Usage: findings/accept-header-offers-what-the-client-refused.sh
# Needs cargo, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src

cat >Cargo.toml <<'TOML'
[package]
name = "accept"
version = "0.0.0"
edition = "2024"

[dependencies]
accept-header = "=0.2.3"
mime = "=0.3.18"
TOML

cat >src/main.rs <<'RUST'
use accept_header::Accept;
use mime::Mime;

fn main() {
    let offered: Vec<Mime> = ["application/json", "text/html"].map(|text| text.parse().unwrap()).into();
    for (field, seen) in [
        ("application/json;q=0.5, text/html", "text/html"),
        ("application/json;q=0", "application/json"),
        ("text/html;q=0, */*", "text/html"),
        (r#"application/json;v="a,b", text/html;q=0.1"#, "error"),
        ("text/html,,application/json", "error"),
        ("TEXT/HTML", "text/html"),
    ] {
        let picked = field.parse::<Accept>().ok().map(|accept| accept.negotiate(&offered));
        let said = picked.map_or("error".into(), |picked| picked.map_or("nothing".into(), |mime| mime.to_string()));
        println!("accept-header, {field}: {said}");
        assert_eq!(said, seen);
    }
}
RUST
cargo run --quiet

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check accept-types==0.4.1 python-mimeparse==2.0.0 webob==1.8.11 setuptools==80.9.0
python/bin/python -W ignore - <<'PYTHON'
import accept_types
import mimeparse
from webob.acceptparse import create_accept_header

OFFERED = ["application/json", "text/html"]


def by_mimeparse(field):
    try:
        return mimeparse.best_match(OFFERED, field) or None
    except mimeparse.MimeTypeParseException:
        return "error"


def by_webob(field):
    picked = create_accept_header(field).acceptable_offers(OFFERED)
    return picked[0][0] if picked else None


JSON, HTML = OFFERED
for field, first, second, right in [
    ("application/json;q=0.5, text/html", HTML, HTML, HTML),
    ("application/json;q=0", JSON, None, None),
    ("*/*;q=0", JSON, None, None),
    ("text/html;q=0, */*", JSON, JSON, JSON),
    ('text/html;v="a,b", application/json;q=0.1', HTML, "error", JSON),
    ("TEXT/HTML", None, None, HTML),
]:
    said = accept_types.get_best_match(field, OFFERED), by_mimeparse(field), by_webob(field)
    print(f"{field}: accept-types {said[0]}, python-mimeparse {said[1]}, WebOb {said[2]}")
    assert said == (first, second, right), said
PYTHON
echo "as described"
