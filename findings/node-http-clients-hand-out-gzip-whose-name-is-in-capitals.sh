#!/usr/bin/env bash
# Seven clients for Node.js that take gzip away do not if the server writes its name in capitals: needle 3.5.0, urllib 4.9.2,
# typed-rest-client 3.1.2, @hapi/wreck 18.1.2, centra 2.7.0, then-request 6.0.2 and bent 7.3.12.
#
# Expected: "All content codings are case-insensitive" (RFC 9110 section 8.4.1). Each of them asks for gzip by itself or by an option,
# and hands out text for `gzip`.
# Seen: with `Content-Encoding: GZIP` they hand out the compressed bytes, with status 200 and no error. simple-get 4.0.1, got
# 11.8.6, phin 4.0.0, node-fetch 3.3.2 and Node's own fetch read both.
#
# JSON from such a server is a parse error at the first byte, and a file is stored compressed under its own name.
#
# Usage: findings/node-http-clients-hand-out-gzip-whose-name-is-in-capitals.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund node-fetch@3.3.2 needle@3.5.0 urllib@4.9.2 typed-rest-client@3.1.2 @hapi/wreck@18.1.2 \
    centra@2.7.0 then-request@6.0.2 bent@7.3.12 simple-get@4.0.1 got@11.8.6 phin@4.0.0

cat >gzip.mjs <<'JAVASCRIPT'
import assert from 'assert';
import http from 'http';
import { promisify } from 'util';
import zlib from 'zlib';
import wreck from '@hapi/wreck';
import bent from 'bent';
import centra from 'centra';
import got from 'got';
import needle from 'needle';
import node_fetch from 'node-fetch';
import phin from 'phin';
import simple_get from 'simple-get';
import then_request from 'then-request';
import rest from 'typed-rest-client/HttpClient.js';
import urllib from 'urllib';

const TEXT = 'a text of a page';
const server = http.createServer((request, response) => {
    response.writeHead(200, { 'Content-Encoding': request.url.slice(1) });
    response.end(zlib.gzipSync(TEXT));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const clients = {
    fetch: async (url) => (await fetch(url)).text(),
    'simple-get': async (url) => (await promisify((to, done) => simple_get.concat(to, (error, _, body) => done(error, body)))(url)).toString(),
    got: async (url) => (await got(url)).body,
    phin: async (url) => (await phin({ url, compression: true })).body.toString(),
    'node-fetch': async (url) => (await node_fetch(url)).text(),
    needle: async (url) => (await needle('get', url, { compressed: true, parse: false })).body.toString(),
    urllib: async (url) => (await urllib.request(url, { compressed: true })).data.toString(),
    'typed-rest-client': async (url) => (await new rest.HttpClient('test').get(url)).readBody(),
    wreck: async (url) => (await wreck.get(url, { gunzip: true })).payload.toString(),
    centra: async (url) => (await centra(url).compress().send()).text(),
    'then-request': async (url) => (await then_request('GET', url, { gzip: true })).body.toString(),
    bent: async (url) => bent('string')(url),
};
const reads_capitals = ['fetch', 'simple-get', 'got', 'phin', 'node-fetch'];
for (const [name, ask] of Object.entries(clients)) {
    const [small, capital] = [await ask(`http://127.0.0.1:${server.address().port}/gzip`), await ask(`http://127.0.0.1:${server.address().port}/GZIP`)];
    console.log(`${name}: gzip ${small === TEXT ? 'read' : 'left'}, GZIP ${capital === TEXT ? 'read' : 'left'}`);
    assert.strictEqual(small, TEXT);
    assert.strictEqual(capital === TEXT, reads_capitals.includes(name));
}
process.exit();
JAVASCRIPT
node --no-deprecation gzip.mjs
echo "as described"
