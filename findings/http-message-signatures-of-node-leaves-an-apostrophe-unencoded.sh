#!/usr/bin/env bash
# http-message-signatures 1.0.6 (Node.js) signs other text than the RFC says for a parameter of the query with one of ' ( ) ! ~ in it, so
# that no other verifier takes the signature.
#
# Expected: the value of `@query-param` is encoded anew with the percent-encode set of application/x-www-form-urlencoded, which
# leaves only letters, digits and * - . _ as they are, and a name that comes more than once "MUST NOT be included" (RFC 9421
# section 2.2.8).
# Seen: the value is made by encodeURIComponent, which leaves the five characters alone: `it's` stays `it's`, not
# `it%27s`. A name that comes twice makes two lines of the signature base. The package http-message-signatures
# 3.0.0 of Python refuses these signatures, and takes one over `a b*-._`. The package verifies what it signed itself, so a test
# against itself stays green.
#
# One request of many fails at the receiver: that of the customer with an apostrophe in the name.
#
# Usage: findings/http-message-signatures-of-node-leaves-an-apostrophe-unencoded.sh
# Needs Node.js 20, npm with its registry, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund http-message-signatures@1.0.6
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check http-message-signatures==3.0.0 requests==2.34.2

cat >sign.js <<'JAVASCRIPT'
const { createSigner, httpbis } = require('http-message-signatures');
const key = createSigner(Buffer.from('0123456789abcdef0123456789abcdef'), 'hmac-sha256', 'key');
(async () => {
    const signed = [];
    for (const query of ['q=a+b*-._', "q=it's", 'q=(1)', 'q=now!', 'q=~home', 'q=1&q=2']) {
        const request = { method: 'GET', url: `http://localhost/?${query}`, headers: {} };
        const config = { key, fields: ['@query-param;name="q"'], params: ['created', 'keyid', 'alg'] };
        const base = httpbis.formatSignatureBase(httpbis.createSignatureBase(config, request));
        signed.push({ url: request.url, base, headers: (await httpbis.signMessage(config, request)).headers });
    }
    console.log(JSON.stringify(signed));
})();
JAVASCRIPT
node sign.js >signed.json

python/bin/python - <<'PYTHON'
import json

import requests
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature, algorithms


class Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        return b"0123456789abcdef0123456789abcdef"

    resolve_private_key = resolve_public_key


verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
for signed, (base, expected) in zip(
    json.load(open("signed.json")),
    [
        ("a%20b*-._", "valid"),
        ("it's", "invalid"),
        ("(1)", "invalid"),
        ("now!", "invalid"),
        ("~home", "invalid"),
        ('1\n"@query-param";name="q": 2', "invalid"),
    ],
    strict=True,
):
    request = requests.Request("GET", signed["url"]).prepare()
    request.url = signed["url"]
    request.headers.update(signed["headers"])
    try:
        verifier.verify(request)
        seen = "valid"
    except InvalidSignature:
        seen = "invalid"
    print(f"{signed['url']}: signed {signed['base']!r}, in Python {seen}")
    assert signed["base"] == f'"@query-param";name="q": {base}'
    assert seen == expected
PYTHON
echo "as described"
