#!/usr/bin/env bash
# express-http-proxy 2.1.2 and @fastify/http-proxy 11.6.3 (Node.js) answer 500 to a request with Expect: 100-continue.
#
# Expected: a proxy that gets this expectation forwards it or answers it with 100 (Continue) itself; what it does not know it answers
# with 417 (RFC 9110 section 10.1.1).
# Seen: Node.js answers 100 before the proxy is asked; the proxy then hands the field on, and fails: express-http-proxy because the field
# has begun the request to the origin ("Cannot set headers after they are sent"), @fastify/http-proxy because undici knows no such field. The
# client sees 100 and then 500, and the body is never sent on. Without the field, and by http-proxy 1.18.1, all is well.
#
# curl sends the field for a body of more than a megabyte: small uploads pass, and large ones do not.
#
# Usage: findings/two-proxies-of-node-answer-500-to-who-waits-for-100.sh
# Needs Node.js 20, npm with its registry and curl. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "overrides": { "undici": "7.30.2" } }' >package.json
npm install --silent --no-audit --no-fund express@5.3.0 express-http-proxy@2.1.2 fastify@5.12.8 @fastify/http-proxy@11.6.3 http-proxy@1.18.1

cat >expect.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const { execFile } = require('child_process');
const { promisify } = require('util');
const listening = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
const curl = async (port, ...more) => {
    const all = ['-s', '-o', '/dev/null', '-w', '%{http_code}', ...more, '-d', 'a=b', `http://127.0.0.1:${port}/`];
    return Number((await promisify(execFile)('curl', all)).stdout);
};

(async () => {
    const base = `http://127.0.0.1:${await listening(http.createServer((request, response) => {
        request.resume().on('end', () => response.end('ok'));
    }))}`;
    const by_express = require('express')();
    by_express.set('env', 'test');
    by_express.use(require('express-http-proxy')(base));
    const by_fastify = require('fastify')();
    by_fastify.register(require('@fastify/http-proxy'), { upstream: base });
    await by_fastify.listen({ port: 0, host: '127.0.0.1' });
    const proxy = require('http-proxy').createProxyServer({ target: base });
    for (const [name, port, status] of [
        ['express-http-proxy', await listening(http.createServer(by_express)), 500],
        ['@fastify/http-proxy', by_fastify.server.address().port, 500],
        ['http-proxy', await listening(http.createServer((request, response) => proxy.web(request, response))), 200],
    ]) {
        assert.strictEqual(await curl(port), 200);
        const said = await curl(port, '-H', 'Expect: 100-continue');
        console.log(`${name}: ${said}`);
        assert.strictEqual(said, status);
    }
    process.exit(0);
})();
JAVASCRIPT
timeout 60 node expect.js
echo "as described"
