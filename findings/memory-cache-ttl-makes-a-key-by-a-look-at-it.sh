#!/usr/bin/env bash
# memory-cache-ttl 1.0.52 (Node.js), told to extend what is hit, makes a key of each that it is asked for and does not have.
#
# Expected: `extendOnHit` "resets the TTL on a cache entry hit with .get()", and `check` tells whether a key is there (README).
# Seen: a `get` that misses is noted for its extension too. At the next interval the key is set to undefined, `check` says true of it from then on,
# and it counts as an entry until the global TTL ends. A key that was deleted right behind a hit comes back in the same way. A hit of a key with a TTL
# of its own gives it the global one.
#
# Usage: findings/memory-cache-ttl-makes-a-key-by-a-look-at-it.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund memory-cache-ttl@1.0.52

cat >asked.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { setTimeout as wait } from 'timers/promises';
import cache from 'memory-cache-ttl';

cache.init({ ttl: 60, interval: 0.05, extendOnHit: true });
cache.set('deleted', 'value');
cache.set('short', 'value', 1);
assert.deepStrictEqual([cache.get('never set'), cache.get('deleted'), cache.get('short')], [undefined, 'value', 'value']);
cache.del('deleted');
assert.deepStrictEqual(['never set', 'deleted', 'short'].map(cache.check), [false, false, true]);
await wait(2500);
const there = ['never set', 'deleted', 'short'].map(cache.check);
console.log(`asked for 2.5 s ago: never set ${there[0]}, deleted ${there[1]}, set for one second ${there[2]}; ${cache.stats().cacheEntries} entries`);
assert.deepStrictEqual([there, cache.stats().cacheEntries], [[true, true, true], 3]);
process.exit();
JAVASCRIPT
node asked.mjs
echo "as described"
