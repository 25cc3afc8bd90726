#!/usr/bin/env bash
# httplink 0.2.0 (Python) refuses a whole Link field for a parameter without a value, and for a title in UTF-8 as the RFC has it.
#
# Expected: the value of a parameter may be missing: `link-param = token BWS [ "=" BWS ( token / quoted-string ) ]` (RFC 8288 section 3), as
# browsers have `crossorigin`; `title*=UTF-8'de'letztes%20Kapitel` is an example of section 3.5, and percent-encoded octets are UTF-8 (RFC
# 8187). Of several `rel` the first counts: "occurrences after the first MUST be ignored" (section 3.3).
# Seen: of `</font.woff2>; rel=preload; as=font; crossorigin, </2>; rel=next` there is no link at all, but ValueError "Bad link: '; crossorigin, ...".
# `title*=UTF-8''%c2%a3%20rates` is ValueError "Bad extended value", while that with `%20` alone is read. Of `rel="next"; rel="prev"` the
# relation is prev. Other fields are read, with commas in the address and in a title.
#
# A program that goes from page to page stops at the first one that preloads a font.
#
# Usage: findings/httplink-refuses-all-links-for-one-bare-parameter.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check httplink==0.2.0

cat >links.py <<'PYTHON'
from httplink import parse_link_header


def read(field):
    try:
        return [(link.target, sorted(link.rel)) for link in parse_link_header(field).links]
    except ValueError as error:
        return f"ValueError: {error}"


for field, seen in (
    ('<https://example.org/?a=1,2>; rel="next"; title="x; y, z"', [("https://example.org/?a=1,2", ["next"])]),
    ("</2>; rel=next; title*=UTF-8'de'n%20Kapitel", [("/2", ["next"])]),
    ("</font.woff2>; rel=preload; as=font; crossorigin, </2>; rel=next", "ValueError: Bad link: '; crossorigin"),
    ("</2>; rel=next; title*=UTF-8''%c2%a3%20rates", "ValueError: Bad extended value"),
    ('</2>; rel="next"; rel="prev"', [("/2", ["prev"])]),
):
    said = read(field)
    print(f"{field}: {said}")
    assert said.startswith(seen) if isinstance(seen, str) else said == seen, said
PYTHON
python/bin/python links.py
echo "as described"
