#!/usr/bin/env bash
# time-cache 0.3.0 (Node.js) hands out expired values, and loses a value that is put in the place of one.
#
# Expected: "A key-value cache that puts a expiry date on its entries" (README), with "validity" in seconds.
# Seen: `has` and `get` never look at the date. An hour behind its end a value is there as before, if nothing was put since. `put` of a new value
# finds the expired one, takes it for one that is there, puts nothing, and sweeps the expired one out: `get` right behind `put` fails with "key does
# not exist". The second `put` works.
#
# Usage: findings/time-cache-loses-the-value-that-follows-an-expired-one.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund time-cache@0.3.0

cat >values.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { setTimeout as wait } from 'timers/promises';
import TimeCache from 'time-cache';

const cache = new TimeCache({ validity: 1 });
cache.put('key', 'old');
await wait(2500);
console.log(`1.5 s behind its end: has ${cache.has('key')}, get ${cache.get('key')}`);
assert.strictEqual(cache.get('key'), 'old');
cache.put('key', 'new');
console.log(`right behind a new put: has ${cache.has('key')}`);
assert.throws(() => cache.get('key'), { message: 'key does not exist' });
cache.put('key', 'new');
assert.strictEqual(cache.get('key'), 'new');
JAVASCRIPT
node values.mjs
echo "as described"
