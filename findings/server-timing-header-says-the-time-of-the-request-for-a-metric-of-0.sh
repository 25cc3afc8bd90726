#!/usr/bin/env bash
# server-timing-header 1.9.7 (Node.js) says how long the request has taken for a metric of 0 milliseconds.
#
# Expected: `add(name, description, duration)` adds a metric with that duration in milliseconds, 0.0 if none is given (its documentation in
# the source: `duration = 0.0`).
# Seen: 0 counts as missing, and the time since the middleware began is written instead: for a hit in a cache, added with 0 to a request that
# takes 200 ms, the field says `cache;desc="hit";dur=200` or some more. A metric of 1 is right. The same holds without a duration. With
# Express 5.3.0 as it is each request is answered with 500, since the middleware reads `response.headers`, which Express does not have;
# here the program sets that property.
#
# The fastest step, for which one looks at the field, is told as the slowest.
#
# Usage: findings/server-timing-header-says-the-time-of-the-request-for-a-metric-of-0.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund server-timing-header@1.9.7 express@5.3.0

cat >timing.js <<'JAVASCRIPT'
const assert = require('assert');
const express = require('express');
const server_timing = require('server-timing-header');

const app = express();
app.use('/bare', server_timing(), (request, response) => response.send('ok'));
app.use('/with', (request, response, next) => { response.headers = {}; next(); }, server_timing(), (request, response) => {
    request.serverTiming.add('cache', 'hit', 0);
    request.serverTiming.add('parse', 'headers');
    request.serverTiming.add('query', 'rows', 1);
    setTimeout(() => response.send('ok'), 200);
});
const server = app.listen(0, '127.0.0.1', async () => {
    const url = `http://127.0.0.1:${server.address().port}`;
    const bare = await fetch(`${url}/bare`).then((answer) => `${answer.status}`);
    console.log(`with Express as it is: ${bare}`);
    assert.strictEqual(bare, '500');
    const field = (await fetch(`${url}/with`)).headers.get('server-timing');
    console.log(field);
    const [cache, parse, query] = field.split(', ').map((metric) => Number(/dur=(.*)/.exec(metric)[1]));
    assert(cache >= 199 && parse >= 199, field);
    assert.strictEqual(query, 1);
    console.log('as described');
    process.exit(0);
});
JAVASCRIPT
timeout 60 node timing.js 2>errors
