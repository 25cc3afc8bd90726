#!/usr/bin/env bash
# circuit-breaker-js 0.0.1 (Node.js) runs commands again ten seconds after it was forced to open, and does not come back from being forced twice.
#
# Expected: its README: `forceOpen` "forces the circuit to open", and `unforce` "returns the circuit to its last unforced state".
# Seen: of a command each second behind `forceOpen()` the first eleven are answered by the fallback, and from then on all run, though nobody
# called `unforce`. Behind `forceOpen()` twice, or `forceOpen()` and `forceClose()`, `unforce()` leaves a circuit open that was never open by
# itself. `forceOpen()` and `unforce()` at once make it closed again.
#
# A service that is taken out for its maintenance by hand has all its requests again in the middle of it.
#
# Usage: findings/circuit-breaker-js-does-not-stay-open-where-it-is-forced.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund circuit-breaker-js@0.0.1

cat >forced.js <<'JAVASCRIPT'
const assert = require('assert');
const { mock } = require('node:test');
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
const CircuitBreaker = require('circuit-breaker-js');

const breaker = new CircuitBreaker();
breaker.forceOpen();
const said = [];
for (let second = 0; second < 15; second++) {
    breaker.run((success) => {
        said.push('runs');
        success();
    }, () => said.push('falls back'));
    mock.timers.tick(1000);
}
console.log(`forced open, a command each second: ${said.join(', ')}`);
assert.deepStrictEqual(said, [...Array(11).fill('falls back'), ...Array(4).fill('runs')]);

for (const [steps, open] of [
    [['forceOpen'], false],
    [['forceOpen', 'forceOpen'], true],
    [['forceOpen', 'forceClose'], true],
]) {
    const other = new CircuitBreaker();
    for (const step of steps) other[step]();
    other.unforce();
    console.log(`${steps.join(', ')}, unforce: ${other.isOpen() ? 'open' : 'closed'}`);
    assert.strictEqual(other.isOpen(), open);
}
JAVASCRIPT
node --no-warnings forced.js
echo "as described"
