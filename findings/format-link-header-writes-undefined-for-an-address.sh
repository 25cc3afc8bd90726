#!/usr/bin/env bash
# format-link-header 3.1.1 (Node.js) writes `<undefined>` for an address whose query has a parameter `url`, and no relation if it has one named `rel`.
#
# Expected: links "to the format as described in RFC 5988", and "the exactly inverse process" of parse-link-header (README); each link has its target
# and its relation (RFC 8288 section 3).
# Seen: what parse-link-header added from the query is taken out again by its name, and so is the address itself, the relation, or a title, if the
# query has a parameter of that name. Two links to one address become one with both relations and the title of the first. A quote inside a title is
# written as it is, which ends it.
#
# Usage: findings/format-link-header-writes-undefined-for-an-address.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund format-link-header@3.1.1

cat >links.js <<'JAVASCRIPT'
const assert = require('assert');
const format = require('format-link-header');

for (const [links, seen] of [
    [{ next: { rel: 'next', url: 'https://example.org/?page=2' } }, '<https://example.org/?page=2>; rel="next"'],
    [{ next: { rel: 'next', url: 'https://example.org/?url=x' } }, '<undefined>; rel="next"'],
    [{ next: { rel: 'next', url: 'https://example.org/?rel=x' } }, '<https://example.org/?rel=x>; '],
    [{ next: { rel: 'next', url: 'https://example.org/?title=x', title: 'b' } }, '<https://example.org/?title=x>; rel="next"'],
    [{ self: { rel: 'self', url: '/a', title: 'b' }, alternate: { rel: 'alternate', url: '/a', title: 'c' } }, '</a>; rel="self alternate"; title="b"'],
    [{ self: { rel: 'self', url: '/a', title: 'b "c" d' } }, '</a>; rel="self"; title="b "c" d"'],
]) {
    const said = format(links);
    console.log(`${JSON.stringify(links)}\n  ${said}`);
    assert.strictEqual(said, seen);
}
JAVASCRIPT
node links.js
echo "as described"
