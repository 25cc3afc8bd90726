#!/usr/bin/env bash
# Token buckets for Node.js whose rate is another one than was asked for, where a token does not take whole milliseconds:
#
#   simple-token-bucket 2.0.0 lets 1,000 a second through where 600, 700 or 900 may pass, and 333 for 300.
#   stopcock 1.1.0 lets 500 through for 600 and for 900, and 250 for 300.
#
# Expected: "`fillQuantity` and `fillTime` combined create a rate which is used to calculate both how many tokens to add at any given moment
# and how much time remains" (README of the first); "limit - the maximum number of allowed calls per `interval`" (README of the second).
# Seen: as above, for whoever asks each millisecond, on a clock that the test turns. The time that the new tokens took is rounded at each
# filling, down by the first and up by the second. 100, 500 and 1,000 a second, which take whole milliseconds, are kept to the token.
#
# A limit that protects a database lets two thirds more through, and one that paces a client halves its throughput.
#
# Usage: findings/simple-token-bucket-lets-a-thousand-through-where-600-may-pass.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund simple-token-bucket@2.0.0 stopcock@1.1.0

cat >rates.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { mock } from 'node:test';
import { TokenBucket } from 'simple-token-bucket';
import stopcock from 'stopcock';

const SECONDS = 10;
mock.timers.enable({ apis: ['setTimeout', 'Date'] });
function rate(each_millisecond) {
    for (let milliseconds = 0; milliseconds < SECONDS * 1000; milliseconds++) {
        mock.timers.tick(1);
        each_millisecond();
    }
}
for (const [limit, by_bucket, by_stopcock] of [
    [100, 100, 100], [300, 333, 250], [500, 500, 500], [600, 1000, 500], [900, 1000, 500], [1000, 1000, 1000],
]) {
    const bucket = new TokenBucket({ capacity: 1, fillQuantity: limit, fillTime: 1000 });
    let taken = 0;
    rate(() => { taken += bucket.take(1) === 0 ? 1 : 0; });

    let called = 0;
    const call = stopcock(() => { called += 1; }, { limit, interval: 1000, bucketSize: 1, queueSize: 10 });
    rate(() => { call().catch(() => {}); });

    const said = [taken, called].map((count) => Math.round(count / SECONDS));
    console.log(`${limit} a second: simple-token-bucket ${said[0]}, stopcock ${said[1]}`);
    assert.deepStrictEqual(said, [by_bucket, by_stopcock]);
}
JAVASCRIPT
node --no-warnings rates.mjs
echo "as described"
