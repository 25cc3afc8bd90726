#!/usr/bin/env bash
# Three readers of Accept for Python take what a client refuses for what it wants:
#
#   accept 0.1.0: a weight of 0 is read as 1. httpcneg 0.1.0: the range with the greatest weight counts, not the most specific one.
#   content-negotiation 2.1.4: a range behind a comma and a blank is unknown, a weight behind a blank is not read, and who refuses all gets the first type.
#
# Expected: a weight of 0 means "not acceptable" (RFC 9110 section 12.4.2); "the most specific reference has precedence"; there may be blanks behind
# commas and semicolons, as in the example `audio/*; q=0.2, audio/basic` (section 12.5.1).
# Seen: of `text/html;q=0, */*` accept puts text/html first, with 1.0; httpcneg gives text/html to who asks for anything but it, and gzip for
# `gzip;q=0, *`. content-negotiation has no content for `text/html, application/json` if it has only JSON, picks text/html for `text/html;
# q=0.2,application/json;q=0.9`, and JSON for `application/json;q=0`; its languages behave in the same way. Werkzeug 3.1.9 is right with all.
#
# Usage: findings/three-readers-of-accept-for-python-take-a-refusal-for-a-wish.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
# content-negotiation asks for a newer Python than some systems have, and runs with it.
python/bin/pip install --quiet --disable-pip-version-check --ignore-requires-python accept==0.1.0 httpcneg==0.1.0 content-negotiation==2.1.4 \
    werkzeug==3.1.9
python/bin/python - <<'PYTHON'
import accept
import httpcneg
from content_negotiation import NoAgreeableContentTypeError, decide_content_type, decide_language
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

HTML, JSON = "text/html", "application/json"

first = accept.parse("text/html;q=0, */*")[0]
print(f"accept, text/html;q=0, */*: {first}")
assert (first.media_type, first.quality) == (HTML, 1.0)


def right(field, offers):
    return parse_accept_header(field, MIMEAccept).best_match(offers)


for field, offers, seen, expected in [
    ("text/html;q=0, */*", [HTML, JSON], HTML, JSON),
    ("text/html;q=0.3, text/*;q=0.7", [HTML, "text/plain"], HTML, "text/plain"),
]:
    said = httpcneg.best_match(field, offers)
    print(f"httpcneg, {field} of {offers}: {said}, right is {expected}")
    assert (said, right(field, offers)) == (seen, expected)
coding = httpcneg.best_match("gzip;q=0, *", ["gzip", "br"], "accept-encoding")
print(f"httpcneg, gzip;q=0, * of gzip and br: {coding}")
assert coding == "gzip"

for field, offers, seen, expected in [
    ("text/html,application/json", [JSON], JSON, JSON),
    ("text/html, application/json", [JSON], None, JSON),
    ("text/html; q=0.2,application/json;q=0.9", [HTML, JSON], HTML, JSON),
    ("application/json;q=0", [JSON], JSON, None),
]:
    try:
        said = decide_content_type([field], offers)
    except NoAgreeableContentTypeError:
        said = None
    print(f"content-negotiation, {field} of {offers}: {said}, right is {expected}")
    assert (said, right(field, offers)) == (seen, expected)
assert decide_language(["de;q=0"], ["de"]) == "de"
PYTHON
echo "as described"
