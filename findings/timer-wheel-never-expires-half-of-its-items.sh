#!/usr/bin/env bash
# timer-wheel 1.0.0 (Node.js) never expires items that share a second with others, and lets one expire 65 seconds late each quarter or half hour.
#
# Expected: a library "for efficiently managing the expiration of a large amount of items", whose `advance` returns "all expired items" (README and
# documentation); the minimum delay is 1,000 ms, and its example has one of 1,500 and calls `advance` each second.
# Seen: of two items with the delays 1,900 and 1,100 ms the second one expires, and the first one never does. Of a thousand with 1,500 ms that come each
# second all expire; four a second, and 489 do, and ten a second, and 202 do. An item that stays in its bucket is linked there while the
# old links are still in use, and the next one takes it out again. Where one second has one item, three of 7,200 are 65.5 seconds late: when
# 1,024 ticks are over, at times nothing is looked at until the wheel has gone round.
#
# A cache on it keeps most of what should go, for as long as the process lives.
#
# Usage: findings/timer-wheel-never-expires-half-of-its-items.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund timer-wheel@1.0.0

cat >wheel.js <<'JAVASCRIPT'
const assert = require('assert');
const { mock } = require('node:test');
const { TimerWheel } = require('timer-wheel');

mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 });
function advance(wheel, count, milliseconds) {
    const expired = [];
    for (let number = 0; number < count; number++) {
        mock.timers.tick(milliseconds);
        expired.push(...wheel.advance());
    }
    return expired;
}

let wheel = new TimerWheel();
wheel.schedule(1900, 1900);
wheel.schedule(1100, 1100);
const two = advance(wheel, 36_000, 100);
console.log(`of 1900 and 1100 expired within an hour: ${two}`);
assert.deepStrictEqual(two, [1100]);

for (const [step, seen] of [[1000, 1000], [250, 489], [100, 202]]) {
    wheel = new TimerWheel();
    let expired = 0;
    for (let number = 0; number < 1000; number++) {
        wheel.schedule(number, 1500);
        expired += advance(wheel, 1, step).length;
    }
    expired += advance(wheel, 10_000, 1000).length;
    console.log(`of a thousand, one each ${step} ms, expired hours later: ${expired}`);
    assert.strictEqual(expired, seen);
}

wheel = new TimerWheel();
const late = [];
for (let number = 0; number < 7200; number++) {
    wheel.schedule(Date.now() + 1500, 1500);
    for (const due of advance(wheel, 1, 1000)) {
        if (Date.now() - due > 2000) late.push(Date.now() - due);
    }
}
console.log(`of 7,200, one each second, late by milliseconds: ${late}`);
assert.deepStrictEqual(late, [65500, 65500, 65500]);
JAVASCRIPT
node --no-warnings wheel.js
echo "as described"
