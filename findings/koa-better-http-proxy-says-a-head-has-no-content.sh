#!/usr/bin/env bash
# koa-better-http-proxy 0.2.10 (Node.js) answers a HEAD with Content-Length: 0, whatever length the origin says.
#
# Expected: "A server MUST NOT send Content-Length in such a response unless its field value equals the decimal number of octets
# that would have been sent in the content of a response if the same request had used the GET method" (RFC 9110 section 8.6).
# Seen: for an origin that answers HEAD with 1234 the client is told 0; GET of the same is answered with its 1,234 bytes. express-http-proxy
# 2.1.2 and http-proxy 1.18.1 hand the length on. The reason phrase of the origin is lost as well, where it is not the usual one.
#
# Programs that ask for a length before they load a file, or compare it with what they have, take the file for empty.
#
# Usage: findings/koa-better-http-proxy-says-a-head-has-no-content.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund koa@3.3.0 koa-better-http-proxy@0.2.10 express@5.3.0 express-http-proxy@2.1.2 http-proxy@1.18.1

cat >head.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const koa = require('koa');
const listening = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
const asked = (port, method) => new Promise((done) => {
    http.request({ port, host: '127.0.0.1', method }, (response) => {
        let length = 0;
        response.on('data', (part) => (length += part.length));
        response.on('end', () => done(`${response.headers['content-length']}, ${length} bytes`));
    }).end();
});

(async () => {
    const origin = await listening(http.createServer((request, response) => {
        response.setHeader('Content-Length', '1234');
        response.end(request.method === 'HEAD' ? undefined : 'x'.repeat(1234));
    }));
    const base = `http://127.0.0.1:${origin}`;
    const by_koa = new koa();
    by_koa.use(require('koa-better-http-proxy')('127.0.0.1', { port: origin }));
    const by_express = require('express')();
    by_express.use(require('express-http-proxy')(base));
    const proxy = require('http-proxy').createProxyServer({ target: base });
    for (const [name, server, head] of [
        ['koa-better-http-proxy', http.createServer(by_koa.callback()), '0, 0 bytes'],
        ['express-http-proxy', http.createServer(by_express), '1234, 0 bytes'],
        ['http-proxy', http.createServer((request, response) => proxy.web(request, response)), '1234, 0 bytes'],
    ]) {
        const port = await listening(server);
        const said = [await asked(port, 'HEAD'), await asked(port, 'GET')];
        console.log(`${name}: HEAD ${said[0]}; GET ${said[1]}`);
        assert.deepStrictEqual(said, [head, '1234, 1234 bytes']);
    }
    process.exit(0);
})();
JAVASCRIPT
timeout 60 node head.js
echo "as described"
