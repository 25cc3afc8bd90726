#!/usr/bin/env bash
# retry-axios 4.0.3 (Node.js) does not try again if Retry-After says 0 seconds, or a date that has passed.
#
# Expected: `delay-seconds` is "a non-negative decimal integer", so 0 is a delay, and a date is when the client may ask again (RFC
# 9110 section 10.2.3). The README says "Retry-After" decides how long to wait, and how many attempts there are is set by `retry`.
# Seen: a 503 with `Retry-After: 0` or with a date of a second ago is given to the caller at once, with one request sent of the three that are
# allowed. With 1, or without the field, the second request is sent and succeeds. axios-retry 4.5.0 asks again in all cases.
#
# A client whose clock is some seconds ahead sees each date as past: it never asks again, though the server asks it to.
#
# Usage: findings/retry-axios-gives-up-when-told-to-come-at-once.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund axios@1.21.1 retry-axios@4.0.3 axios-retry@4.5.0

cat >retry.mjs <<'JAVASCRIPT'
import assert from 'assert';
import axios from 'axios';
import http from 'http';
import axios_retry, { exponentialDelay } from 'axios-retry';
import * as rax from 'retry-axios';

// The first request of a client is answered with 503 and this field, each other with 200.
let field, seen;
const server = http.createServer((request, response) => {
    seen += 1;
    response.statusCode = seen === 1 ? 503 : 200;
    if (seen === 1 && field) response.setHeader('Retry-After', field);
    response.end();
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const url = `http://127.0.0.1:${server.address().port}/`;
const first = axios.create();
rax.attach(first);
const second = axios.create();
axios_retry(second, { retries: 2, retryDelay: exponentialDelay });
const asked = async (client, options) => {
    seen = 0;
    const status = await client.get(url, options).then((answer) => answer.status, (error) => error.response.status);
    return `${status} at request ${seen}`;
};

for (const [value, expected] of [
    [undefined, '200 at request 2'],
    ['1', '200 at request 2'],
    ['0', '503 at request 1'],
    [new Date(Date.now() - 1000).toUTCString(), '503 at request 1'],
]) {
    field = value;
    const said = [await asked(first, { raxConfig: { retry: 2, instance: first } }), await asked(second)];
    console.log(`Retry-After ${value}: retry-axios ${said[0]}, axios-retry ${said[1]}`);
    assert.deepStrictEqual(said, [expected, '200 at request 2']);
}
process.exit(0);
JAVASCRIPT
timeout 60 node retry.mjs
echo "as described"
