#!/usr/bin/env bash
# lru-cache-node 1.0.1 (Node.js) loses a value that was set again, counts it twice, and fails with a limit of one.
#
# Expected: "Cache will keep on adding values until the `maxSize` is reached. After that it will start popping out the least recently used/accessed
# value" (README); `set` sets the value of a key.
# Seen: `set` of a key that is there adds a second entry and leaves the first one. When the first one is the oldest and goes, it takes the
# key with it: of a cache of three, `a` is set, set again, and not found behind two other keys, though it is one of three. Ten times the same key
# leave nothing else in the cache. With a limit of one the second `set` is a TypeError, and so is `delete` of a key that is not
# there. Keys that are set once, and read, are kept in order.
#
# What is refreshed most, as tokens and counts are, is what gets lost.
#
# Usage: findings/lru-cache-node-loses-a-value-that-was-set-again.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund lru-cache-node@1.0.1

cat >cache.js <<'JAVASCRIPT'
const assert = require('assert');
const Cache = require('lru-cache-node');

function seen(name, said, expected) {
    console.log(`${name}: ${JSON.stringify(said)}`);
    assert.deepStrictEqual(said, expected);
}
let cache = new Cache(3);
for (const key of ['a', 'b', 'c']) cache.set(key, key);
cache.get('a');
cache.set('d', 'd');
seen('keys that are set once', cache.toArray().map(({ key }) => key), ['d', 'a', 'c']);

cache = new Cache(3);
cache.set('a', 'first');
cache.set('a', 'second');
seen('a key that is set again', [cache.getSize(), cache.get('a')], [2, 'second']);
cache = new Cache(3);
for (const [key, value] of [['a', 'first'], ['a', 'second'], ['b', 1], ['c', 1]]) cache.set(key, value);
seen('behind two other keys', [cache.get('a'), cache.contains('a'), cache.getSize()], [null, false, 3]);

cache = new Cache(3);
cache.set('b', 1);
for (let number = 0; number < 10; number++) cache.set('a', number);
seen('one key set ten times', [cache.get('b'), cache.toArray().map(({ key }) => key)], [null, ['a', 'a', 'a']]);

cache = new Cache(1);
cache.set('a', 1);
assert.throws(() => cache.set('b', 1), TypeError);
assert.throws(() => new Cache(3).delete('a'), TypeError);
console.log('a second key at a limit of one, and delete of a key that is not there: TypeError');
JAVASCRIPT
node cache.js
echo "as described"
