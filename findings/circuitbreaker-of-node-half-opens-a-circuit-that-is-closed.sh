#!/usr/bin/env bash
# circuitbreaker 0.2.1 (Node.js) makes a closed circuit half open a minute after it was open, and turns calls away that nothing stands against.
#
# Expected: only an open circuit becomes half open, "after the configured resetTimeout", and from half open the first success closes it (Akka's
# description of a circuit breaker, to which its README refers for the pattern).
# Seen: a circuit opens by three failures, and closes when a slow call that was under way comes back well. A minute after the failures
# it is half open all the same: of three calls that come together one runs, and two are refused with "CircuitBreaker open". One failure opens
# it now, where three are set. A circuit that was never open lets all three through after a minute, and one failure does not open it.
#
# A service that has been well for a minute has calls refused under load, and no event says why.
#
# Usage: findings/circuitbreaker-of-node-half-opens-a-circuit-that-is-closed.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund circuitbreaker@0.2.1

cat >calls.js <<'JAVASCRIPT'
const assert = require('assert');
const { mock } = require('node:test');
mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
const circuitBreaker = require('circuitbreaker');

const turn = async () => {
    for (let count = 0; count < 5; count++) await new Promise((resolve) => setImmediate(resolve));
};
/** What three calls that come together say a minute after a success, and whether one failure opens the circuit then. */
async function minute(failures) {
    const pending = [];
    const breaker = circuitBreaker((callback) => pending.push(callback), { timeout: 10000, maxFailures: 3, resetTimeout: 60000 });
    const said = [];
    const call = () => breaker().then((value) => said.push(value), (error) => said.push(error.message));
    const answer = async (error, value) => {
        pending.shift()(error, value);
        await turn();
    };
    call();
    const slow = pending.shift();
    for (let count = 0; count < failures; count++) {
        call();
        await answer(new Error('down'));
    }
    const wasOpen = breaker.isOpen();
    slow(null, 'well');
    await turn();
    assert.ok(breaker.isClosed());
    mock.timers.tick(60000);
    said.length = 0;
    for (let count = 0; count < 3; count++) call();
    await turn();
    await answer(new Error('down'));
    const opened = breaker.isOpen();
    while (pending.length) await answer(null, 'well');
    return { wasOpen, said: said.sort(), opened };
}

(async () => {
    const never = await minute(2);
    console.log(`two failures before: ${JSON.stringify(never)}`);
    assert.deepStrictEqual(never, { wasOpen: false, said: ['down', 'well', 'well'], opened: false });
    const once = await minute(3);
    console.log(`three failures before: ${JSON.stringify(once)}`);
    assert.deepStrictEqual(once, { wasOpen: true, said: ['CircuitBreaker open', 'CircuitBreaker open', 'down'], opened: true });
})();
JAVASCRIPT
node --no-warnings calls.js
echo "as described"
