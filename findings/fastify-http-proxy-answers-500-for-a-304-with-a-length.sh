#!/usr/bin/env bash
# @fastify/http-proxy 11.6.3 (Node.js), by undici 7.30.2, answers 500 where the origin says 304 with a Content-Length.
#
# Expected: "A server MAY send a Content-Length header field in a 304 (Not Modified) response", where it is the length that a 200
# would have had (RFC 9110 section 8.6); a 304 ends with its empty line whatever its fields say (RFC 9112 section 6.3).
# Seen: `request` of undici gives out the status, and the reading of the empty body fails with UND_ERR_RES_CONTENT_LENGTH_MISMATCH. The
# proxy hands the error to its client as a 500 with the ETag of the 304. `fetch` of the same library, http.get and curl take the
# 304; without Content-Length `request` does too. undici 8, which the proxy does not take and Node.js 20 does not run, has a case for 304.
#
# Each revalidation fails behind such a proxy: what a client has kept cannot be used though it is right.
#
# Usage: findings/fastify-http-proxy-answers-500-for-a-304-with-a-length.sh
# Needs Node.js 20, npm with its registry and curl. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "overrides": { "undici": "7.30.2" } }' >package.json
npm install --silent --no-audit --no-fund undici@7.30.2 fastify@5.12.8 @fastify/http-proxy@11.6.3

cat >revalidate.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const { execFile } = require('child_process');
const { promisify } = require('util');
const { fetch, request } = require('undici');

const server = http.createServer((asked, response) => {
    response.statusCode = 304;
    response.setHeader('ETag', '"a"');
    if (asked.url === '/length') response.setHeader('Content-Length', '77');
    response.end();
});
const fields = { headers: { 'if-none-match': '"a"' } };
const by_request = async (url) => {
    const { statusCode, body } = await request(url, fields);
    return body.text().then(() => statusCode, (error) => error.code);
};
const by_fetch = async (url) => (await fetch(url, fields)).status;
const by_http = (url) => new Promise((done) => http.get(url, fields, (response) => response.resume().on('end', () => done(response.statusCode))));
const by_curl = async (url) => Number((await promisify(execFile)('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'If-None-Match: "a"', url])).stdout);

server.listen(0, '127.0.0.1', async () => {
    const base = `http://127.0.0.1:${server.address().port}`;
    const proxy = require('fastify')();
    proxy.register(require('@fastify/http-proxy'), { upstream: base });
    await proxy.listen({ port: 0, host: '127.0.0.1' });
    const front = `http://127.0.0.1:${proxy.server.address().port}`;
    for (const [path, first, behind] of [
        ['/plain', 304, 304],
        ['/length', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 500],
    ]) {
        const said = [await by_request(base + path), await by_fetch(base + path), await by_http(base + path), await by_curl(base + path)];
        const proxied = await by_curl(front + path);
        console.log(`${path}: request ${said[0]}, fetch ${said[1]}, http.get ${said[2]}, curl ${said[3]}; by the proxy ${proxied}`);
        assert.deepStrictEqual([...said, proxied], [first, 304, 304, 304, behind]);
    }
    process.exit(0);
});
JAVASCRIPT
timeout 60 node revalidate.js
echo "as described"
