#!/usr/bin/env bash
# Two libraries for Node.js wait for nothing at every second try or so behind a thousand of them, with jitter:
#
#   @livechat/backoff 0.1.0, whose jitter is on unless it is turned off, and exponential-backoff-generator 2.0.1 with `jitter`.
#
# Expected: the wait grows up to `max` and stays there: "max timeout in milliseconds" and "random jitter" that is added to each duration (README of
# exponential-backoff-generator; the other has the same options).
# Seen: with a `max` of 5 s the first thousand waits of @livechat/backoff are 5 s but for the first few, and from about the 1017th on half of
# them are 0: the wait without a limit is infinite by then, and the jitter takes infinity off it, which makes no number. The other does so
# from about its 1019th on. Without jitter all are at the limit.
#
# The clients of a server that was down for 85 minutes ask it twice as often as they should, each second time without a pause.
#
# Usage: findings/two-backoffs-of-node-wait-for-nothing-behind-a-thousand-tries.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @livechat/backoff@0.1.0 exponential-backoff-generator@2.0.1

cat >waits.js <<'JAVASCRIPT'
const assert = require('assert');
const createBackoff = require('@livechat/backoff');
const { generateBackoff } = require('exponential-backoff-generator');

// In turn for less and for more, by the same share.
let tries = 0;
Math.random = () => [0.45, 0.55][tries++ % 2];
const livechat = (jitter) => {
    const backoff = (createBackoff.default ?? createBackoff)({ min: 1000, max: 5000, jitter });
    return Array.from({ length: 1200 }, () => backoff.duration());
};
const generator = (jitter) => [...generateBackoff({ retries: 1199, min: 100, max: 10000, jitter })].map(({ duration }) => duration);
for (const [name, waits, limit] of [['@livechat/backoff', livechat, 5000], ['exponential-backoff-generator', generator, 10000]]) {
    const plain = waits(0);
    assert.ok(plain.slice(10).every((wait) => wait === limit));
    const seen = waits(0.5);
    const first = seen.indexOf(0);
    const late = seen.slice(first);
    const none = late.filter((wait) => wait === 0).length;
    console.log(`${name}: ${seen.slice(0, 6).join(' ')} ..., from number ${first + 1} on ${none} of ${late.length} are 0`);
    assert.ok(seen.slice(10, first).every((wait) => wait === limit));
    assert.ok(first > 1000 && first < 1030);
    assert.ok(Math.abs(none - late.length / 2) <= 1);
}
JAVASCRIPT
node waits.js
echo "as described"
