#!/usr/bin/env bash
# parse-cache-control 1.0.1 (Node.js) reads nothing of a Cache-Control with an empty element in its list, and no lifetime that is written
# with a capital letter; cache-control-parser 2.2.0 reads no lifetime in quotes.
#
# Expected: a recipient reads and ignores empty elements of a list (RFC 9110 section 5.6.1.2: "must parse and ignore a reasonable number
# of empty list elements"). Names of directives have no case, and a recipient takes a value as a token and as a quoted string (RFC
# 9111 section 5.2).
# Seen: `max-age=60,,public` and `no-store,` are `null` for parse-cache-control, as a broken field is. `Max-Age=60` becomes a member
# of that spelling with a text, so `max-age` is undefined. A value in quotes is made lowercase. For cache-control-parser `max-age="60"`
# is an empty field, and `max-stale` without a value too. @tusbar/cache-control 3.0.1 reads the lifetime of all.
#
# Fields that are put together from parts have such commas: the answer is not kept then, or `no-store` is not seen.
#
# Usage: findings/parse-cache-control-reads-no-field-with-an-empty-element.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund parse-cache-control@1.0.1 cache-control-parser@2.2.0 @tusbar/cache-control@3.0.1

cat >lifetimes.js <<'JAVASCRIPT'
const assert = require('assert');
const parse_cache_control = require('parse-cache-control');
const cache_control_parser = require('cache-control-parser');
const tusbar = require('@tusbar/cache-control');
for (const [field, first, second] of [
    ['max-age=60, public', 60, 60],
    ['max-age=60,', undefined, 60],
    ['max-age=60,,public', undefined, 60],
    ['Max-Age=60', undefined, 60],
    ['max-age="60"', 60, undefined],
]) {
    const said = [(parse_cache_control(field) || {})['max-age'], cache_control_parser.parse(field)['max-age']];
    const right = tusbar.parse(field).maxAge;
    console.log(`${field}: parse-cache-control ${said[0]}, cache-control-parser ${said[1]}, @tusbar/cache-control ${right}`);
    assert.deepStrictEqual([...said, right], [first, second, 60]);
}
assert.strictEqual(parse_cache_control('no-store,'), null);
assert.deepStrictEqual(parse_cache_control('Max-Age=60'), { 'Max-Age': '60' });
assert.deepStrictEqual(parse_cache_control('community="UCI"'), { community: 'uci' });
assert.deepStrictEqual(cache_control_parser.parse('max-stale'), {});
JAVASCRIPT
node lifetimes.js
echo "as described"
