#!/usr/bin/env bash
# rate-limit-threshold 0.2.1 (Node.js) lets all calls through at the same moment that wait together, however few may pass.
#
# Expected: its README: `limit()` "ensures that the number of function calls does not exceed the specified requests within the given period".
# Seen: of ten calls that come together where three may pass each second, three run at once, and the other seven all a second later. Each that
# waits is told of the time when the oldest call leaves the window, and does not look again when it wakes. The returned delays say 1000
# for all seven. Ten calls of which each waits for the one before run three each second.
#
# A client that asks for a page of a hundred parts with `Promise.all` is refused by the server, whose limit it was to keep.
#
# Usage: findings/rate-limit-threshold-lets-all-through-at-once-that-wait.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund rate-limit-threshold@0.2.1

cat >times.mjs <<'JAVASCRIPT'
import assert from 'node:assert';
import { mock } from 'node:test';
import { RateLimitThreshold } from 'rate-limit-threshold';

mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The milliseconds at which ten calls run. */
async function times(together) {
    const limiter = new RateLimitThreshold(3, 1);
    const start = Date.now();
    const ran = [];
    const call = async () => {
        await limiter.limit();
        ran.push(Date.now() - start);
    };
    const one_by_one = async () => {
        for (let count = 0; count < 10; count++) await call();
    };
    if (together) for (let count = 0; count < 10; count++) call();
    else one_by_one();
    while (ran.length < 10) {
        await turn();
        mock.timers.tick(10);
    }
    return ran;
}

const apart = await times(false);
console.log(`one by one: ${apart.join(' ')}`);
const together = await times(true);
console.log(`together: ${together.join(' ')}`);
const most = (ran) => Math.max(...ran.map((from) => ran.filter((at) => at >= from && at < from + 1000).length));
assert.strictEqual(most(apart), 3);
assert.deepStrictEqual(together, [0, 0, 0, 1000, 1000, 1000, 1000, 1000, 1000, 1000]);
JAVASCRIPT
node --no-warnings times.mjs
echo "as described"
