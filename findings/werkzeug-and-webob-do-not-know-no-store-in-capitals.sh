#!/usr/bin/env bash
# Werkzeug 3.1.9 and WebOb 1.8.11 (Python) find a directive of Cache-Control only if it is written in small letters.
#
# Expected: "Cache directives are identified by a token, to be compared case-insensitively" (RFC 9111 section 5.2).
# Seen: `max_age` is None for `Max-Age=0`, and `no_store` and `no_cache` are false for `NO-STORE` and `No-Cache`, in the classes of both
# libraries; in small letters all are found. Neither is an error. WebOb also takes no `Content-Range: BYTES 0-1/2`, though range units
# have no case either (RFC 9110 section 14.1).
#
# A service on them answers a reload, which some clients write as `No-Cache`, from what it has kept.
#
# Usage: findings/werkzeug-and-webob-do-not-know-no-store-in-capitals.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check werkzeug==3.1.9 webob==1.8.11 setuptools==80.9.0
python/bin/python -W ignore - <<'PYTHON'
from webob.byterange import ContentRange
from webob.cachecontrol import CacheControl
from werkzeug.http import parse_cache_control_header

for field, attribute, right, seen in [
    ("max-age=0", "max_age", 0, 0),
    ("Max-Age=0", "max_age", 0, None),
    ("no-store", "no_store", True, True),
    ("NO-STORE", "no_store", True, False),
    ("No-Store, max-age=5", "max_age", 5, 5),
]:
    by_werkzeug = getattr(parse_cache_control_header(field), attribute)
    by_webob = getattr(CacheControl.parse(field), attribute)
    print(f"{field}: {attribute} is {by_werkzeug} for Werkzeug, {by_webob} for WebOb, right is {right}")
    assert (by_werkzeug, by_webob) == (seen, seen)
assert not parse_cache_control_header("No-Cache").no_cache and parse_cache_control_header("no-cache").no_cache
assert not CacheControl.parse("No-Cache").no_cache and CacheControl.parse("no-cache").no_cache
assert ContentRange.parse("BYTES 0-1/2") is None and ContentRange.parse("bytes 0-1/2").length == 2
PYTHON
echo "as described"
