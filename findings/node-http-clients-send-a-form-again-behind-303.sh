#!/usr/bin/env bash
# What three clients for Node.js send behind 303: typed-rest-client 3.1.2, urllib 4.9.2 and httpie 1.1.2 send the POST and its body a second time.
# then-request 6.0.2 does the opposite with 307 and 308, and sends a GET without the body.
#
# Expected: 303 leads to another resource "retrievable by GET or HEAD", and the client makes "a retrieval request" (RFC 9110 section
# 15.4.4); with 307 and 308 it "MUST NOT change the request method if it performs an automatic redirection" (15.4.8, 15.4.9).
# Seen: of `POST /form` answered 303 with the page that thanks, the page gets `POST` with the form in it; then-request gets
# that right and asks by GET where 307 leads, so what was to be stored is nowhere, and the answer is 200. got 11.8.6 and
# fetch do both as the RFC says.
#
# A page that takes POST too makes a second order; one that does not answers 405, and the client tells of a failure after success.
#
# Usage: findings/node-http-clients-send-a-form-again-behind-303.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund typed-rest-client@3.1.2 urllib@4.9.2 httpie@1.1.2 then-request@6.0.2 got@11.8.6

cat >redirect.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const got = require('got');
const httpie = require('httpie');
const then_request = require('then-request');
const { HttpClient } = require('typed-rest-client/HttpClient');
const urllib = require('urllib');

(async () => {
    let arrived;
    const server = http.createServer(async (request, response) => {
        let body = '';
        for await (const part of request) body += part;
        if (request.url === '/end') arrived = `${request.method} ${body}`.trim();
        response.writeHead(...(request.url === '/end' ? [200] : [Number(request.url.slice(1)), { Location: '/end' }]));
        response.end();
    });
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    const body = 'order=1';
    for (const [name, at303, at307, ask] of [
        ['fetch', 'GET', 'POST order=1', (url) => fetch(url, { method: 'POST', body })],
        ['got', 'GET', 'POST order=1', (url) => got.post(url, { body })],
        ['typed-rest-client', 'POST order=1', 'POST order=1', (url) => new HttpClient('test').post(url, body)],
        ['urllib', 'POST order=1', 'POST order=1', (url) => urllib.request(url, { method: 'POST', data: body, followRedirect: true })],
        ['httpie', 'POST order=1', 'POST order=1', (url) => httpie.post(url, { body })],
        ['then-request', 'GET', 'GET', (url) => then_request('POST', url, { body })],
    ]) {
        for (const [status, expected] of [[303, at303], [307, at307], [308, at307]]) {
            arrived = undefined;
            await ask(`http://127.0.0.1:${server.address().port}/${status}`);
            console.log(`${name}, ${status}: ${arrived}`);
            assert.strictEqual(arrived, expected);
        }
    }
    process.exit();
})();
JAVASCRIPT
node --no-deprecation redirect.js
echo "as described"
