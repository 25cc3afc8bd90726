#!/usr/bin/env bash
# @hokify/axios-rate-limit 2.0.5 (Node.js) lets four requests through in a second where two may pass, and one where there are many.
#
# Expected: its README of `{ maxRequests: 2, perMilliseconds: 1000 }`: it "sets max 2 requests per 1 second, other will be delayed".
# Seen: of two requests each 600 ms, all run at once, so that four run within each second, twice the limit: each is forgotten half a second after its
# begin if the answer was quick. Of two requests each 100 ms, seven run in six seconds, of which twelve may: each that waits is put a whole second
# behind the one before it. Two requests each second run at once, as they should.
#
# A client of an interface with a limit is refused by it, and takes twice the time that it needs for a long list.
#
# Usage: findings/axios-rate-limit-of-hokify-doubles-its-limit-or-halves-it.sh
# Needs Node.js 20 and npm with its registry. The answers are given by the script. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @hokify/axios-rate-limit@2.0.5 axios@1.21.1

cat >times.js <<'JAVASCRIPT'
const assert = require('assert');
const { mock } = require('node:test');
mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
const axios = require('axios');
const { default: rateLimit } = require('@hokify/axios-rate-limit');

const turn = async () => {
    for (let count = 0; count < 5; count++) await new Promise((resolve) => setImmediate(resolve));
};
/** When requests run within six seconds of which two come together, these milliseconds apart. */
async function times(apart) {
    const ran = [];
    const start = Date.now();
    const adapter = async (config) => {
        ran.push(Date.now() - start);
        return { data: '', status: 200, statusText: 'OK', headers: {}, config };
    };
    const http = rateLimit(axios.create({ adapter }), { maxRequests: 2, perMilliseconds: 1000 });
    for (let now = 0; now < 6000; now += 10) {
        if (now % apart === 0) {
            http.get('/first');
            http.get('/second');
        }
        await turn();
        mock.timers.tick(10);
    }
    return ran;
}

(async () => {
    for (const [apart, count, most] of [[1000, 12, 2], [600, 20, 4], [100, 7, 2]]) {
        const ran = await times(apart);
        const within = Math.max(...ran.map((from) => ran.filter((at) => at >= from && at < from + 1000).length));
        console.log(`two each ${apart} ms: ${ran.length} run in six seconds, ${within} within one: ${ran.join(' ')}`);
        assert.deepStrictEqual([ran.length, within], [count, most]);
    }
})();
JAVASCRIPT
node --no-warnings times.js
echo "as described"
