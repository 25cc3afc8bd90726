#!/usr/bin/env bash
# www-authenticate 0.9.2 (Python) loses challenges of a field that has more than one.
#
# Expected: a field is a list of challenges, each a scheme with a token68 or with parameters; elements of the list may be empty; a
# scheme may come more than once, with Digest each time for another algorithm, the preferred one first (RFC 9110 sections
# 5.6.1 and 11.6.1, RFC 7616 section 3.7). In a quoted string a backslash stands for what follows it, and it may be empty (5.6.4).
# Seen: of two Digest challenges, SHA-256 and MD5, `parse` gives the second alone, so the weaker one. Behind an empty element the
# challenges are gone: one of the name "," is there. Of a token68 with `==` at its end the rest becomes a scheme, unless it ends the field,
# `realm=""` is an error, and backslashes stay in the values. A field of different schemes with parameters is read well.
#
# A client that looks for "Basic" or for an algorithm in what was read finds that the server offers neither.
#
# Usage: findings/www-authenticate-of-python-keeps-the-last-digest-challenge.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check www-authenticate==0.9.2 authchallenge==1.0.0
python/bin/python - <<'PYTHON'
import authchallenge
import www_authenticate

# Each field, what www-authenticate makes of it (None is an error), and how many challenges another package finds in it.
for field, expected, count in [
    ('Negotiate, Basic realm="r"', {"negotiate": None, "basic": {"realm": "r"}}, 2),
    (
        'Digest realm="r", nonce="1", algorithm=SHA-256, Digest realm="r", nonce="2", algorithm=MD5',
        {"digest": {"realm": "r", "nonce": "2", "algorithm": "MD5"}},
        2,
    ),
    (', Basic realm="r", Negotiate', {",": "Negotiate"}, 2),
    ('Negotiate abcd==', {"negotiate": "abcd=="}, 1),
    ('Negotiate abcd==, Basic realm="r"', {"negotiate": "abcd", "=": None, "basic": {"realm": "r"}}, 2),
    ('Basic realm=""', None, 1),
    (r'Basic realm="the \"r\""', {"basic": {"realm": r'the \"r\"'}}, 1),
]:
    try:
        read = dict(www_authenticate.parse(field))
    except ValueError:
        read = None
    others = len(authchallenge.parse_challenges(field))
    print(f"{field}: {'an error' if read is None else read}; authchallenge: {others}")
    assert (read, others) == (expected, count)
PYTHON
echo "as described"
