#!/usr/bin/env bash
# map-expire 1.0.2 (Node.js): the timer of a value that was deleted, or dropped for want of room, deletes the next value of its key.
#
# Expected: "set(key, value, duration)", the "duration will be set to default value if not given", and `get` "returns with undefined if not exists or
# expired" (README).
# Seen: `a` is set for 50 ms, deleted, and set for a minute: it is gone behind 50 ms. The same with a value that the capacity dropped. A value that is
# set over another without a duration ends with the one before it, not the default duration later. `set` returns nothing and `delete` nothing, though
# the class is a Map.
#
# Usage: findings/map-expire-ends-a-value-by-the-timer-of-the-one-before.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund map-expire@1.0.2

cat >again.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { setTimeout as wait } from 'timers/promises';
import MapExpire from 'map-expire/MapExpire.js';

const MINUTE = 60_000;
const fresh = new MapExpire();
fresh.set('a', 'fresh', MINUTE);
const deleted = new MapExpire();
deleted.set('a', 'old', 50);
deleted.delete('a');
deleted.set('a', 'new', MINUTE);
const dropped = new MapExpire([], { capacity: 1 });
dropped.set('a', 'old', 50);
dropped.set('b', 'other', MINUTE);
dropped.set('a', 'new', MINUTE);
const over = new MapExpire([], { duration: 500 });
over.set('a', 'old', 50);
over.set('a', 'new');
for (const map of [fresh, deleted, dropped]) assert.notStrictEqual(map.get('a'), undefined);
await wait(200);
const left = [fresh, deleted, dropped, over].map((map) => map.get('a'));
console.log(`fresh ${left[0]}; set again behind delete ${left[1]}, behind its drop ${left[2]}, over another ${left[3]}`);
assert.deepStrictEqual(left, ['fresh', undefined, undefined, undefined]);
assert.deepStrictEqual([fresh.set('b', 1), fresh.delete('b')], [undefined, undefined]);
process.exit();
JAVASCRIPT
node again.mjs
echo "as described"
