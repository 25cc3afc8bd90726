#!/usr/bin/env bash
# auth-header 1.0.0 (Node.js) writes the parameters of Authorization and WWW-Authenticate without commas between them.
#
# Expected: `challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ]`, where `#` is a list with commas, and credentials are
# the same (RFC 9110 sections 11.3, 11.4 and 5.6.1; RFC 7235, which the README names); in a quoted string a backslash is
# written `\\`, and recipients replace it (5.6.4).
# Seen: `format` divides parameters by a blank and leaves a backslash alone; `parse` leaves `\\` as it is and refuses a scheme with
# nothing behind it, such as `Negotiate`, the way in which a server offers that scheme. `parse` of the same package
# reads what `format` writes, so a test against itself stays green; Python's urllib and the package authchallenge do not.
#
# A server that asks for Digest by it is asked again by browsers and tools without a nonce: they see one parameter, or none.
#
# Usage: findings/auth-header-divides-parameters-by-blanks.sh
# Needs Node.js 20, npm with its registry, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund auth-header@1.0.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check authchallenge==1.0.0

cat >format.js <<'JAVASCRIPT'
const assert = require('assert');
const { format, parse } = require('auth-header');
const params = { realm: 'the realm', nonce: 'abc', qop: 'auth' };
const written = format({ scheme: 'Digest', params });
assert.deepStrictEqual({ ...parse(written).params }, params);
assert.strictEqual(parse('Digest realm="a\\\\b"').params.realm, 'a\\\\b');
assert.match(format({ scheme: 'Basic', params: { realm: 'a \\ b' } }), /realm="a \\ b"$/);
assert.throws(() => parse('Negotiate'), /Invalid scheme/);
console.log(written);
JAVASCRIPT
written=$(node format.js)
echo "written: $written"
[[ $written == 'Digest realm="the realm" nonce=abc qop=auth' ]]

python/bin/python - "$written" <<'PYTHON'
import sys
import urllib.request

import authchallenge

[written] = sys.argv[1:]
with_commas = 'Digest realm="the realm", nonce=abc, qop=auth'
for field in (with_commas, written):
    by_urllib = urllib.request.parse_keqv_list(urllib.request.parse_http_list(field.partition(" ")[2]))
    try:
        by_other = len(authchallenge.parse_challenges(field)[0].params)
    except authchallenge.AuthError:
        by_other = "an error"
    print(f"{field}: urllib finds {sorted(by_urllib)}, authchallenge {by_other}")
    assert (sorted(by_urllib) == ["nonce", "qop", "realm"]) == (field == with_commas) == (by_other == 3)
PYTHON
echo "as described"
