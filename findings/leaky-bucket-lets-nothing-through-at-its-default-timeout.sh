#!/usr/bin/env bash
# leaky-bucket 4.1.4 (Node.js) refuses everything if it is told the timeout that its README calls the default, and queues what it should refuse behind
# a payment or with an initial capacity.
#
# Expected: `timeout` "defaults to 0, which will not queue any items if the bucket is empty"; "if the capacity is less than the cost, it will throw an
# error"; an initial capacity of 0 "will reject the request"; `pay` "reduces the current capacity" (README).
# Seen: with `timeout: 0` a full bucket of 3 refuses the first call, since the room of its queue is the timeout divided by the interval times the
# capacity. Without a timeout 3 pass and the rest is refused. Behind `pay(3)` the bucket is empty, and three calls wait for 20 s each instead of being
# refused; so they do with `initialCapacity: 0`. A payment is taken from the sum of what is queued too, which it never was in.
#
# Usage: findings/leaky-bucket-lets-nothing-through-at-its-default-timeout.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund leaky-bucket@4.1.4

cat >bucket.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { setTimeout as wait } from 'timers/promises';
import LeakyBucket from 'leaky-bucket';

async function said(options, paid) {
    const bucket = new LeakyBucket({ capacity: 3, interval: 60, ...options });
    if (paid) bucket.pay(paid);
    const calls = Array.from({ length: 5 }, () => bucket.throttle().then(() => 'passed', () => 'refused'));
    const answers = await Promise.all(calls.map((call) => Promise.race([call, wait(200, 'waits')])));
    bucket.end();
    return answers.join(' ');
}

for (const [what, options, paid, seen] of [
    ['nothing said', {}, 0, 'passed passed passed refused refused'],
    ['a timeout of 0', { timeout: 0 }, 0, 'refused refused refused refused refused'],
    ['3 paid', {}, 3, 'waits waits waits refused refused'],
    ['an initial capacity of 0', { initialCapacity: 0 }, 0, 'waits waits waits refused refused'],
]) {
    const answers = await said(options, paid);
    console.log(`${what}: ${answers}`);
    assert.strictEqual(answers, seen);
}
JAVASCRIPT
node bucket.mjs
echo "as described"
