#!/usr/bin/env bash
# promaphore 1.0.0 (Node.js) has one place left for ever once somebody has waited for what is under way.
#
# Expected: "2 is the max operation count", and "If you want to await all pending operations do `await s.flush()`" (README): a wait, which changes
# nothing.
# Seen: `flush` sets the limit to 1 and leaves it there. A semaphore of ten, of which nobody is inside any more, then lets one in at a time: the work
# behind the first flush takes ten times as long, without a word.
#
# Usage: findings/promaphore-has-one-place-left-behind-a-flush.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund promaphore@1.0.0

cat >places.js <<'JAVASCRIPT'
const assert = require('assert');
const Semaphore = require('promaphore');

async function let_in(semaphore) {
    let inside = 0;
    for (let one = 0; one < 20; one += 1) semaphore.wait().then(() => { inside += 1; });
    await new Promise(setImmediate);
    const at_once = inside;
    for (let one = 0; one < 20; one += 1) semaphore.signal();
    await new Promise(setImmediate);
    assert.deepStrictEqual([inside, semaphore.active], [20, 0]);
    return at_once;
}

(async () => {
    const semaphore = new Semaphore(10);
    const before = await let_in(semaphore);
    await semaphore.flush();
    const behind = await let_in(semaphore);
    console.log(`of twenty a semaphore of ten lets in ${before}; behind a flush ${behind}`);
    assert.deepStrictEqual([before, behind], [10, 1]);
})();
JAVASCRIPT
node places.js
echo "as described"
