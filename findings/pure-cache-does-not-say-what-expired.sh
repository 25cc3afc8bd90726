#!/usr/bin/env bash
# pure-cache 1.0.6 (Node.js) does not say what expired: its own example of a handler fails.
#
# Expected: the handler of `expiry` gets "{ key, data: { value, addedAt, expiryAt } }" (README, Events, and its example of one).
# Seen: `data` is undefined, since the value is taken out before it is asked for. `remove`, which is told right before, has it.
#
# Usage: findings/pure-cache-does-not-say-what-expired.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund pure-cache@1.0.6

cat >expiry.js <<'JAVASCRIPT'
const assert = require('assert');
const PureCache = require('pure-cache');

const cache = new PureCache({ expiryCheckInterval: 10 });
const told = {};
for (const event of ['add', 'remove', 'expiry']) {
    cache.on(event, ({ key, data }) => {
        console.log(`${event} of ${key}: ${JSON.stringify(data)}`);
        told[event] = data && data.value;
        if (event !== 'expiry') return;
        assert.deepStrictEqual(told, { add: 'bar', remove: 'bar', expiry: undefined });
        setImmediate(() => cache.dispose());
    });
}
cache.put('foo', 'bar', 50);
process.on('exit', () => assert.ok('expiry' in told));
JAVASCRIPT
node expiry.js
echo "as described"
