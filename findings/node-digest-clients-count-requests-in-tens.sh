#!/usr/bin/env bash
# The request count of Digest authentication in three clients for Node.js: urllib 4.9.2 and digest-fetch 3.1.1 write it in
# tens, and needle 3.5.0 begins with the second request.
#
# Expected: `nc` is "the hexadecimal count of the number of requests (including the current request) that the client has sent with
# the nonce value in this request", 00000001 for the first and 0000000a for the tenth (RFC 7616 section 3.4).
# Seen: the tenth request of urllib and digest-fetch says 00000010, which is 16. Each new nonce goes on where the last one
# ended, also that of another server: the count of urllib is one for the whole program. Each request of needle is
# the first with its nonce, and says 00000002.
#
# A server that compares the count with its own, to find requests that are sent again, takes six requests for lost after the
# ninth, or refuses the first one.
#
# Usage: findings/node-digest-clients-count-requests-in-tens.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund urllib@4.9.2 digest-fetch@3.1.1 needle@3.5.0

cat >count.mjs <<'JAVASCRIPT'
import assert from 'assert';
import http from 'http';
import DigestClient from 'digest-fetch';
import needle from 'needle';
import urllib from 'urllib';

/** A server that accepts every answer to its challenge, until its nonce is changed, and keeps the counts. */
function serve() {
    const server = http.createServer((request, response) => {
        const [, nonce, count] = /nonce="([^"]*)".*nc="?([0-9a-f]*)/.exec(request.headers.authorization) || [];
        if (nonce === server.nonce) server.counts.push(count);
        response.writeHead(...(nonce === server.nonce ? [200] : [401, { 'WWW-Authenticate': `Digest realm="r", nonce="${server.nonce}", qop="auth"` }]));
        response.end();
    });
    Object.assign(server, { nonce: 'first', counts: [] });
    return new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(server)));
}
const [one, other] = [await serve(), await serve()];
const at = (server) => `http://127.0.0.1:${server.address().port}/`;
const seen = (name, expected) => {
    const counts = [one, other].map((server) => server.counts.join(' '));
    for (const server of [one, other]) Object.assign(server, { nonce: 'first', counts: [] });
    console.log(`${name}: ${counts.join('; another server: ')}`);
    assert.deepStrictEqual(counts, expected);
};

const addresses = Array(10).fill(at(one));
const client = new DigestClient('user', 'secret');
for (const address of addresses) await client.fetch(address);
one.nonce = 'second';
await client.fetch(at(one));
const tens = '00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008 00000009 00000010';
seen('digest-fetch', [`${tens} 00000012`, '']);

for (const address of addresses) await urllib.request(address, { digestAuth: 'user:secret' });
await urllib.request(at(other), { digestAuth: 'user:secret' });
seen('urllib', [tens, '00000011']);

await needle('get', at(one), { username: 'user', password: 'secret', auth: 'digest' });
seen('needle', ['00000002', '']);
for (const server of [one, other]) server.close(), server.closeAllConnections();
JAVASCRIPT
node count.mjs
echo "as described"
