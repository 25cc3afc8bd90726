#!/usr/bin/env bash
# sfvparse 0.1.0 (Python), a parser and serializer of RFC 8941: bytes come out as the base64 text, what is written for them is
# encoded twice, strings of one word become tokens, and dictionaries with flags are errors.
#
# Expected: a byte sequence is decoded (RFC 8941 section 4.2.7); a key of a dictionary or a parameter without `=` is true
# (4.2.2, 4.2.3.2); a parameter that comes again takes the place of the first (4.2.3.2); a decimal is written with its point (4.1.5); the
# parameters of an item are written without blanks (4.1.1.2).
# Seen: `:aGk=:` is b"aGk=", not b"hi", and written again it is `:YUdrPQ==:`. A digest of RFC 9530 never fits the content, and a
# field that is read and passed on is another one. `"text"` is written as `text`, a token, and `1.0` as `1`, an integer;
# `a;b=1` as `a; b=1`. `u=3, i`, the example of RFC 9218, is an error, as `a;x=1;x=2` is. http-sf 1.5.0 does all of it right.
#
# Usage: findings/sfvparse-hands-out-byte-sequences-as-base64.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check sfvparse==0.1.0 http-sf==1.5.0
python/bin/python - <<'PYTHON'
import http_sf
import sfvparse

READ = {"item": sfvparse.parse_item, "list": sfvparse.parse_list, "dictionary": sfvparse.parse_dict}
WRITE = {"item": sfvparse.serialize_item, "list": sfvparse.serialize_list, "dictionary": sfvparse.serialize_dict}


def again(kind, field):
    """The field, read and written by both libraries."""
    try:
        one = WRITE[kind](READ[kind](field)).decode()
    except ValueError as error:
        one = f"error: {str(error).split(' at ')[0]}"
    return one, http_sf.ser(http_sf.parse(field.encode(), tltype=kind))


for kind, field, expected in [
    ("item", ":aGk=:", ":YUdrPQ==:"),
    ("item", '"text"', "text"),
    ("item", '"two words"', '"two words"'),
    ("item", "1.0", "1"),
    ("item", "a;b=1", "a; b=1"),
    ("dictionary", "u=3, i", "error: expected '=' after dictionary key 'i'"),
    ("dictionary", "u=3, i=?1", "u=3, i=?1"),
    ("list", "a;x=1;x=2", "error: duplicate parameter: 'x'"),
]:
    one, other = again(kind, field)
    print(f"{field}: sfvparse {one}, http-sf {other}")
    assert one == expected, one
assert sfvparse.parse_item(":aGk=:")["value"] == b"aGk="
assert http_sf.parse(b":aGk=:", tltype="item")[0] == b"hi"
PYTHON
echo "as described"
