#!/usr/bin/env bash
# har2csp 1.0.0 (Python) makes a Content Security Policy from a recording of a page that blocks what the page had loaded, and http-csp 0.1.2 refuses
# directives of the standard.
#
# Expected: "Generate a CSP header from a HAR file": what is in the file may be loaded. default-src counts only for kinds that have no directive of
# their own in the policy (Content Security Policy Level 3, section 6.8.3). A MIME type may have parameters. Empty directives are
# skipped, and names have no case (section 2.2.1); report-uri and require-trusted-types-for are directives (section 6.5, Trusted Types).
# Seen: with images in PNG from one host and in WebP from another the policy has `img-src` with the first alone; the second is in default-src, where
# it does not count. So it is with `text/javascript; charset=utf-8` beside `text/javascript`. A `data:` image is
# not in the policy at all. http-csp says "not a valid CSP directive" for report-uri and Default-Src, takes `strict-dynamic` and `report-sample`, which are
# keywords, for directives, and fails at `;;` with an IndexError.
#
# Usage: findings/har2csp-blocks-what-the-page-loaded.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check har2csp==1.0.0 http-csp==0.1.2 setuptools==80.9.0
python/bin/python - <<'PYTHON'
import json

loaded = [
    ("https://page.example/", "text/html"),
    ("https://png.example/a.png", "image/png"),
    ("https://webp.example/a.webp", "image/webp"),
    ("https://script.example/a.js", "text/javascript"),
    ("https://other.example/b.js", "text/javascript; charset=utf-8"),
    ("data:image/svg+xml,<svg/>", "image/svg+xml"),
]
entries = [{"request": {"url": url}, "response": {"status": 200, "content": {"mimeType": kind}}} for url, kind in loaded]
with open("page.har", "w") as file:
    json.dump({"log": {"entries": entries}}, file)
PYTHON
python/bin/har2csp --self-url https://page.example/ page.har | tee policy
python/bin/python -W ignore - <<'PYTHON'
from http_csp import CSP

with open("policy") as file:
    policy = {words[0]: set(words[1:]) for words in map(str.split, file.read().split(";")) if words}
assert policy["img-src"] == {"'self'", "https://png.example"}
assert policy["script-src"] == {"'self'", "https://script.example"}
assert policy["default-src"] == {"'self'", "https://webp.example", "https://other.example"}

for text, seen in [
    ("default-src 'self'; img-src https:", "default-src 'self'; img-src https:;"),
    ("default-src 'self'; report-uri /reports", '"report-uri" is not a valid CSP directive'),
    ("Default-Src 'self'", '"Default-Src" is not a valid CSP directive'),
    ("strict-dynamic 'self'", "strict-dynamic 'self';"),
    ("default-src 'self';; img-src https:", "list index out of range"),
]:
    try:
        said = CSP(text).generate()
    except (ValueError, IndexError) as error:
        said = str(error)
    print(f"http-csp, {text}: {said}")
    assert said == seen
PYTHON
echo "as described"
