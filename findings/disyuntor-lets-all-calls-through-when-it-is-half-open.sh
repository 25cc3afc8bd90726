#!/usr/bin/env bash
# disyuntor 3.5.0 (Node.js), a circuit breaker, lets all calls that wait through at once when it is half open, from the second time on.
#
# Expected: "Once the system has settled it will allow one call to go to the protected function. … This state is known as half open." By default
# "`maxCooldown`: 60s" (README).
# Seen: of twenty calls at once to a service that stays down, one gets through as the first cooldown of 15 s is over, and all twenty after the second
# one, and after each one behind that. What holds back the others is that the cooldown has just become longer; once it has reached its limit
# it does not, and the state is half open until the first call has failed. The limit is 30 s, not 60 s.
#
# A service that fails under load gets the whole load every 30 seconds, for as long as it takes a call to time out.
#
# Usage: findings/disyuntor-lets-all-calls-through-when-it-is-half-open.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund disyuntor@3.5.0

cat >burst.js <<'JAVASCRIPT'
const assert = require('assert');
const disyuntor = require('disyuntor');
const { mock } = require('node:test');

mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 });
let arrived = 0;
const call = disyuntor.wrapPromise({ name: 'a service', timeout: false }, async () => {
    arrived += 1;
    await new Promise((done) => setImmediate(done));
    throw new Error('down');
});
async function burst(count) {
    arrived = 0;
    await Promise.allSettled(Array.from({ length: count }, () => call()));
    return arrived;
}

(async () => {
    for (let failure = 0; failure < 5; failure++) assert.strictEqual(await burst(1), 1);
    for (const [cooldown, seen] of [[15, 1], [30, 20], [30, 20], [30, 20]]) {
        assert.strictEqual(await burst(20), 0);
        let seconds = 0;
        let through = 0;
        while (through === 0 && seconds < 90) {
            mock.timers.tick(1000);
            seconds += 1;
            through = await burst(20);
        }
        console.log(`after ${seconds} seconds ${through} of twenty calls get through`);
        assert.deepStrictEqual([seconds, through], [cooldown, seen]);
    }
})();
JAVASCRIPT
node --no-warnings burst.js
echo "as described"
