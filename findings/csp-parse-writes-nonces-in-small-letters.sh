#!/usr/bin/env bash
# csp-parse 0.0.2 (Node.js) makes a policy that blocks the page's own scripts from one that allows them, and leaves out directives.
#
# Expected: "takes raw CSP policy strings, and parses them into Policy objects … policy.toString() can be called to get the updated
# policy" (README). Nonces and hashes are base64, which is compared byte by byte, as the path of an address is; a directive may
# have no value, such as upgrade-insecure-requests and sandbox; of two directives of one name the first counts (Content Security
# Policy Level 3, sections 2.2.1, 2.3.1, 6.7.2).
# Seen: the whole policy is made lowercase, nonces, hashes and paths too. Directives without a value are missing from
# `toString`, and of two of one name the last one is kept. content-security-policy-parser 0.6.0 keeps all of this.
#
# A proxy or a middleware that adds one source to the policy of an application breaks each page with an inline script.
#
# Usage: findings/csp-parse-writes-nonces-in-small-letters.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund csp-parse@0.0.2 content-security-policy-parser@0.6.0

cat >policy.mjs <<'JAVASCRIPT'
import assert from 'assert';
import parse from 'content-security-policy-parser';
import Policy from 'csp-parse';

for (const [text, expected, other] of [
    ["script-src 'self'; style-src 'self'", "script-src 'self' a.test; style-src 'self';", "'self'"],
    ["script-src 'nonce-R28gOl0='", "script-src 'nonce-r28gol0=' a.test;", "'nonce-R28gOl0='"],
    ['script-src b.test/Scripts/Main.js', 'script-src b.test/scripts/main.js a.test;', 'b.test/Scripts/Main.js'],
    ["script-src 'self'; upgrade-insecure-requests; sandbox", "script-src 'self' a.test;", "'self'"],
    ["script-src 'self'; script-src b.test", 'script-src b.test a.test;', "'self'"],
]) {
    const policy = new Policy(text);
    policy.add('script-src', 'a.test');
    const parsed = parse(text);
    console.log(`${text}: csp-parse ${policy.toString()} The other one reads ${parsed.get('script-src').join(' ')}`);
    assert.strictEqual(policy.toString(), expected);
    assert.strictEqual(parsed.get('script-src').join(' '), other);
    assert.strictEqual(parsed.has('sandbox'), text.includes('sandbox'));
}
JAVASCRIPT
node policy.mjs
echo "as described"
