#!/usr/bin/env bash
# bucket-queue 1.0.1 (Node.js) holds calls back that come at half the rate that it allows.
#
# Expected: "a queue with leaky bucket logic", `calls` "per interval" (README): five calls in 500 ms may run, and a bucket leaks all the time.
# Seen: of calls that come one each 200 ms, two and a half in an interval, the sixth waits for 300 ms and the seventh for 100.
# The count of an interval is forgotten only when no call has run for a whole interval: each call begins the interval anew. Calls that
# come all at once run five in 500 ms.
#
# A client that stays far below the limit of its server is slowed for as long as it is never idle.
#
# Usage: findings/bucket-queue-holds-back-calls-at-half-its-limit.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund bucket-queue@1.0.1

cat >waits.js <<'JAVASCRIPT'
const assert = require('assert');
const BucketQueue = require('bucket-queue');
const { mock } = require('node:test');

mock.timers.enable({ apis: ['setInterval', 'Date'] });
function waits(apart) {
    const queue = BucketQueue({ calls: 5, perInterval: 500, tickFrequency: 10 }).start();
    const said = [];
    for (let now = 0; now < 4000; now += 10) {
        if (now % apart === 0 && said.length < 12) {
            const at = said.push(undefined) - 1;
            queue.add(async () => { said[at] = Date.now() - added; });
            const added = Date.now();
        }
        mock.timers.tick(10);
    }
    queue.stop();
    return said;
}
const often = waits(200);
console.log(`one each 200 ms, milliseconds until each runs: ${often.join(' ')}`);
const seldom = waits(600);
console.log(`one each 600 ms: ${seldom.slice(0, 6).join(' ')}`);
assert.ok(seldom.slice(0, 6).every((wait) => wait <= 20));
assert.deepStrictEqual(often.map((wait) => wait > 100), [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1].map(Boolean));
JAVASCRIPT
node --no-warnings waits.js
echo "as described"
