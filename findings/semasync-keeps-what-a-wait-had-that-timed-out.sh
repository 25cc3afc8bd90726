#!/usr/bin/env bash
# semasync 1.0.5 (Node.js): a wait for two permits that is given up keeps the one that it had, for ever.
#
# Expected: a signal and a timeout "allow abandoning unfinished acquisitions" (README), of which nothing is left.
# Seen: of a semaphore of two one permit is out; `acquire(2, 20)` takes the other, waits and fails with "timed out". Then the first is released, and
# one of two is available; the next `acquire(2)` waits without an end, and each further one costs a permit more. A signal does the same. A wait for
# one permit loses nothing.
#
# Usage: findings/semasync-keeps-what-a-wait-had-that-timed-out.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund semasync@1.0.5

cat >permits.js <<'JAVASCRIPT'
const assert = require('assert');
const { Semaphore } = require('semasync');

async function given_up(size, count, how) {
    const semaphore = new Semaphore(size);
    await semaphore.acquire();
    const abort = new AbortController();
    const wait = how === 'timeout' ? semaphore.acquire(count, 20) : semaphore.acquire(count, abort.signal);
    setTimeout(() => abort.abort(), 20);
    await assert.rejects(wait, { message: how === 'timeout' ? 'timed out' : 'aborted' });
    semaphore.release();
    return semaphore.available;
}

(async () => {
    for (const [size, count, how, left] of [
        [1, 1, 'timeout', 1], [2, 2, 'timeout', 1], [2, 2, 'signal', 1], [5, 5, 'timeout', 1], [5, 5, 'signal', 1],
    ]) {
        const available = await given_up(size, count, how);
        console.log(`a wait for ${count} of ${size} ended by its ${how}, all others are released: ${available} available`);
        assert.strictEqual(available, left);
    }
})();
JAVASCRIPT
node permits.js
echo "as described"
