#!/usr/bin/env bash
# locks 0.2.2 (Node.js) begins a semaphore of 0 with 1, so that who waits for an event is let through before it.
#
# Expected: `createSemaphore(initialValue)`, the "amount of resources available" (README, which points to the encyclopedia's article on semaphores):
# with none there `wait` waits for the first `signal`, as sem_init(3) with a value of 0 is used.
# Seen: of 0 the first `wait` is called back at once, and behind two signals three are through; 1 and 2 are right.
#
# Usage: findings/locks-begins-a-semaphore-of-0-with-1.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund locks@0.2.2

cat >semaphore.js <<'JAVASCRIPT'
const assert = require('assert');
const { createSemaphore } = require('locks');

for (const [value, signals, seen] of [[2, 0, 2], [1, 0, 1], [0, 0, 1], [0, 2, 3]]) {
    const semaphore = createSemaphore(value);
    let through = 0;
    for (let waiter = 0; waiter < 5; waiter += 1) semaphore.wait(() => { through += 1; });
    for (let signal = 0; signal < signals; signal += 1) semaphore.signal();
    console.log(`of ${value}, with ${signals} signals: ${through} through, ${value + signals} may pass`);
    assert.strictEqual(through, seen);
}
JAVASCRIPT
node semaphore.js
echo "as described"
