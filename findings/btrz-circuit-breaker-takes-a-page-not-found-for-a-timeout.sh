#!/usr/bin/env bash
# btrz-circuit-breaker 1.1.0 (Node.js) counts each answer of 400 to 500 as a timeout, three seconds after it came, and opens the circuit.
#
# Expected: it wraps circuit-breaker-js, whose command is "called with success and failure handlers which you need to call at the appropriate point",
# and whose `timeoutDuration` is the time "after which a command will timeout" (READMEs). A 404 that comes at once is no timeout.
# Seen: eight answers of 404 that come at once open the circuit three seconds later, and the next request falls back without being sent. For
# 400 and 500 it is the same: neither handler is called for a status from 400 to 500. Eight answers of 200 leave it closed, and eight
# of 503 open it at once.
#
# An application that often asks for what may not be there is cut off from a service that is well.
#
# Usage: findings/btrz-circuit-breaker-takes-a-page-not-found-for-a-timeout.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund btrz-circuit-breaker@1.1.0

cat >answers.js <<'JAVASCRIPT'
const assert = require('assert');
const { mock } = require('node:test');
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
const CircuitBreaker = require('btrz-circuit-breaker');

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Whether a request is sent at once behind eight answers of a status, and three seconds later. */
async function sent(status) {
    let count = 0;
    const transport = (params, callback) => {
        count += 1;
        callback(null, { statusCode: status, statusMessage: 'said' }, '');
    };
    const get = new CircuitBreaker().wrapHttpTransport(transport, () => 'fallback');
    const ask = async () => {
        const before = count;
        await get('GET', 'http://localhost/').catch(() => {});
        return count > before;
    };
    for (let requests = 0; requests < 8; requests++) await ask();
    const first = await ask();
    mock.timers.tick(3000);
    await turn();
    return [first, await ask()];
}

(async () => {
    for (const [status, seen] of [
        [200, [true, true]],
        [503, [false, false]],
        [400, [true, false]],
        [404, [true, false]],
        [500, [true, false]],
    ]) {
        const said = await sent(status);
        console.log(`behind eight answers of ${status}: ${said.map((yes) => (yes ? 'sent' : 'not sent')).join(', three seconds later ')}`);
        assert.deepStrictEqual(said, seen);
    }
})();
JAVASCRIPT
node --no-warnings answers.js
echo "as described"
