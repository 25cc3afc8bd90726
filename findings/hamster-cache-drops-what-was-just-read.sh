#!/usr/bin/env bash
# @sozialhelden/hamster-cache 1.0.0 (Node.js) drops another value than the one that was used least recently, makes room where none is needed, and
# fails for a look at a key that is not there.
#
# Expected: "Can evict exceeding items by least recent use" and "limit number of cached items" (README).
# Seen: the cache keeps the places of its keys in a list, and does not correct them when a key is taken out of it. Of `a`, `b`, `c`, read in the order
# c, a, b, it drops `b` for a fourth, which was read last. A new value for a key that is there drops another key, from a cache that is full, but would
# not be too full. A `get` of a key that is not there is put into the list as well, and a later `set` fails for it: "Cannot read properties of
# undefined (reading 'dispose')".
#
# Usage: findings/hamster-cache-drops-what-was-just-read.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @sozialhelden/hamster-cache@1.0.0

cat >order.js <<'JAVASCRIPT'
const assert = require('assert');
const { default: Cache } = require('@sozialhelden/hamster-cache');

function full(reads) {
    const cache = new Cache({ maximalItemCount: 3, evictExceedingItemsBy: 'lru' });
    for (const key of 'abc') cache.set(key, key);
    for (const key of reads) cache.get(key);
    return cache;
}
const dropped = (cache) => [...'abc'].filter((key) => !cache.has(key)).join('');

for (const [reads, seen, right] of [['', 'a', 'a'], ['cab', 'b', 'c'], ['acb', 'b', 'a'], ['aab', 'b', 'c'], ['cba', 'c', 'c']]) {
    const cache = full(reads);
    cache.set('d', 'd');
    console.log(`read ${reads || 'nothing'}: ${dropped(cache)} is dropped, ${right} was used least recently`);
    assert.strictEqual(dropped(cache), seen);
}

const replaced = full('');
replaced.set('c', 'new');
console.log(`a new value for c: ${dropped(replaced)} is dropped, of three there are ${replaced.size()}`);
assert.deepStrictEqual([dropped(replaced), replaced.size()], ['a', 2]);

const asked = full('x');
assert.throws(() => [...'defg'].forEach((key) => asked.set(key, key)), { name: 'TypeError', message: /reading 'dispose'/ });
console.log('behind a look at a key that is not there: a TypeError by set');
JAVASCRIPT
node order.js
echo "as described"
