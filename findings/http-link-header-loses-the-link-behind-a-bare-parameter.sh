#!/usr/bin/env bash
# Two readers of Link in Node.js lose links that the field holds.
#
#   http-link-header 1.1.4: behind a parameter without a value, such as `crossorigin` or `nopush`, the comma and the whole next
#   link become the name of a parameter of the first one. A semicolon before the comma does the same.
#   parse-link-header 2.0.0: a link with blanks around an equals sign is left out; so is one whose parameter is named REL.
#   Parameters of the address are mixed with those of the field, so a link to `/a?title=x` is said to have that title.
#
# Expected: `link-param = token BWS [ "=" BWS ( token / quoted-string ) ]`, links are divided by commas, and names of parameters
# are compared without regard to case (RFC 8288 section 3; appendix B.3 takes empty parameters and makes names lowercase).
# Seen: as above, without an error. Each of the two reads what the other does not.
#
# Fields that preload fonts have `crossorigin` in them, and lists of what to preload have more than one link.
#
# Usage: findings/http-link-header-loses-the-link-behind-a-bare-parameter.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund http-link-header@1.1.4 parse-link-header@2.0.0

cat >links.js <<'JAVASCRIPT'
const assert = require('assert');
const http_link_header = require('http-link-header');
const parse_link_header = require('parse-link-header');
const one = (field) => http_link_header.parse(field).refs.map((link) => link.uri).join(' ');
const other = (field) => Object.values(parse_link_header(field) || {}).map((link) => link.url).join(' ');
for (const [field, first, second] of [
    ['</a>; rel=next, </b>; rel=prev', '/a /b', '/a /b'],
    ['</a>; rel=preload; crossorigin, </b>; rel=next', '/a', '/a /b'],
    ['</a>; rel=preload;, </b>; rel=next', '/a', '/a /b'],
    ['</a>; rel = preload, </b>; rel=next', '/a /b', '/b'],
    ['</a>; REL=preload, </b>; rel=next', '/a /b', '/b'],
]) {
    console.log(`${field}: http-link-header ${one(field)}, parse-link-header ${other(field)}`);
    assert.deepStrictEqual([one(field), other(field)], [first, second]);
}
const [link] = http_link_header.parse('</a>; rel=preload; crossorigin, </b>; rel=next').refs;
console.log('parameters of the one link:', JSON.stringify(Object.keys(link)));
assert.ok('crossorigin, </b>; rel' in link);
assert.strictEqual(parse_link_header('</a?title=x>; rel=next').next.title, 'x');
JAVASCRIPT
node links.js
echo "as described"
