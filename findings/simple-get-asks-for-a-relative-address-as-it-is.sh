#!/usr/bin/env bash
# simple-get 4.0.1 (Node.js) asks for what stands in Location as it is, where that is relative to the address asked for.
#
# Expected: Location is a URI reference, which is resolved against the request's target (RFC 9110 section 10.2.2, RFC 3986 section
# 5.2); a request target begins with a slash (RFC 9112 section 3.2.1). The README promises "follows redirects".
# Seen: from `/list/one`, `Location: two` leads to `GET two`, `../all` to `GET ../all`, and `?page=2` to `GET ?page=2`. Servers answer
# these 400, as Node's own does, which the caller is handed as the answer. `/list/two` and a whole address are followed
# well, so redirects of frameworks that write those work.
#
# Usage: findings/simple-get-asks-for-a-relative-address-as-it-is.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund simple-get@4.0.1

cat >redirect.js <<'JAVASCRIPT'
const assert = require('assert');
const net = require('net');
const { promisify } = require('util');
const get = promisify(require('simple-get'));

(async () => {
    let location;
    let lines = [];
    const server = net.createServer((connection) => connection.once('data', (bytes) => {
        lines.push(bytes.toString().split('\r\n')[0].replace(' HTTP/1.1', ''));
        const first = lines.length === 1;
        connection.end(`HTTP/1.1 ${first ? `302 Found\r\nLocation: ${location}` : '200 OK'}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    }));
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${server.address().port}/list/one`;
    for (const [to, asked, right] of [
        ['/list/two', '/list/two', '/list/two'],
        [new URL('/list/two', url).href, '/list/two', '/list/two'],
        ['two', 'two', '/list/two'],
        ['../all', '../all', '/all'],
        ['?page=2', '?page=2', '/list/one?page=2'],
    ]) {
        location = to;
        lines = [];
        await get(url);
        console.log(`Location: ${to}: ${lines[1]}`);
        assert.deepStrictEqual(lines, ['GET /list/one', `GET ${asked}`]);
        const { pathname, search } = new URL(to, url);
        assert.strictEqual(pathname + search, right);
    }
    process.exit();
})();
JAVASCRIPT
node --no-deprecation redirect.js
echo "as described"
