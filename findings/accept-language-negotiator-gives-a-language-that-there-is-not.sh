#!/usr/bin/env bash
# accept-language-negotiator 1.2.1 (Node.js) gives a language that the server does not have, or that the client has refused, and Bavarian to who asks
# for Arabic.
#
# Expected: "implements RFC4647 3.4 lookup": a range is shortened until it matches a tag, and otherwise the next range is tried; "3.3.1 basic filter":
# a range matches a tag that is equal to it, or that begins with it and a hyphen; and "quality weights" (README), of which 0 means "not acceptable"
# (RFC 9110 section 12.4.2).
# Seen: for `de-CH` of `de-DE` and `en` it gives `de`, which is the part that two of them have, and none that the server has. For `fr-CH, en;q=0.5` of
# `fr` and `en` it gives `en`, though `fr-CH` is to be shortened to `fr` first. The filter looks for `ar-` anywhere in a tag, and finds it in
# `bar-AT`. `de;q=0` is the choice if there is no other. `lookup` sorts the list of its caller by length.
#
# Usage: findings/accept-language-negotiator-gives-a-language-that-there-is-not.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund accept-language-negotiator@1.2.1

cat >languages.js <<'JAVASCRIPT'
const assert = require('assert');
const { basicFilter, lookup } = require('accept-language-negotiator');

for (const [field, tags, seen, right] of [
    ['fr, en;q=0.5', ['fr', 'en'], 'fr', 'fr'],
    ['fr-CH', ['fr', 'en'], 'fr', 'fr'],
    ['fr-CH, en;q=0.5', ['fr', 'en'], 'en', 'fr'],
    ['de-CH', ['de-DE', 'en'], 'de', 'none'],
    ['de;q=0, fr', ['de'], 'de', 'none'],
]) {
    const said = lookup(field, [...tags], 'none');
    console.log(`lookup, ${field} of ${tags}: ${said}, right is ${right}`);
    assert.strictEqual(said, seen);
}
for (const [field, tags, seen] of [
    ['ar', ['bar-AT', 'ar-EG', 'en'], ['bar-AT', 'ar-EG']],
    ['de, en;q=0', ['de', 'en'], ['de', 'en']],
]) {
    const said = basicFilter(field, tags);
    console.log(`filter, ${field} of ${tags}: ${said}`);
    assert.deepStrictEqual(said, seen);
}
const own = ['en', 'de-DE-1996', 'fr'];
lookup('fr', own, 'en');
console.log(`the list of the caller: ${own}`);
assert.deepStrictEqual(own, ['de-DE-1996', 'en', 'fr']);
JAVASCRIPT
node languages.js
echo "as described"
