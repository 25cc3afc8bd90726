#!/usr/bin/env bash
# fastcgi-client 0.2.0 (Node.js) takes the limit of connections for that of requests, and has none if only the second is given.
#
# Expected: its README: `maxConns` is "the default value of maximum concurrent connections to the server", `maxReqs` that "of maximum concurrent
# requests", and `mpxsConns` tells whether requests share a connection. FCGI_MAX_CONNS and FCGI_MAX_REQS are two values (FastCGI 1.0
# section 4.1).
# Seen: with one connection that requests share, `maxConns: 1` and `maxReqs: 10`, one of three requests is answered, and two are refused as
# over the limit, on their way to a server that allows ten. With `maxConns: 10` and `maxReqs: 1` all three are sent at once, and so
# they are with `maxReqs: 1` alone. With ten of both all are answered over one connection.
#
# An application behind one shared connection has one request at a time, or gets more than it said that it can bear.
#
# Usage: findings/fastcgi-client-takes-the-limit-of-connections-for-that-of-requests.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund fastcgi-client@0.2.0

cat >requests.js <<'JAVASCRIPT'
const assert = require('assert');
const net = require('net');
const { once } = require('events');
const connect = require('fastcgi-client');

const STDIN = 5;
const STDOUT = 6;
const END_REQUEST = 3;
function record(type, id, body) {
    const head = Buffer.from([1, type, 0, 0, 0, 0, 0, 0]);
    head.writeUInt16BE(id, 2);
    head.writeUInt16BE(body.length, 4);
    return Buffer.concat([head, body]);
}
/** A server that answers each request a moment after its end, over any number of connections. */
const seen = { connections: 0, now: 0, most: 0 };
const server = net.createServer((socket) => {
    seen.connections += 1;
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data) => {
        bytes = Buffer.concat([bytes, data]);
        while (bytes.length >= 8) {
            const length = bytes.readUInt16BE(4);
            const end = 8 + length + bytes[6];
            if (bytes.length < end) return;
            const [type, id] = [bytes[1], bytes.readUInt16BE(2)];
            bytes = bytes.subarray(end);
            if (type !== STDIN || length > 0) continue;
            seen.now += 1;
            seen.most = Math.max(seen.most, seen.now);
            setTimeout(() => {
                seen.now -= 1;
                socket.write(Buffer.concat([record(STDOUT, id, Buffer.from('answered')), record(END_REQUEST, id, Buffer.alloc(8))]));
            }, 100);
        }
    });
}).listen(0, '127.0.0.1');

/** What three requests that come together say, and how many of them the server has at once, over how many connections. */
async function three(limits) {
    Object.assign(seen, { connections: 0, now: 0, most: 0 });
    const client = connect({ host: '127.0.0.1', port: server.address().port, skipCheckServer: true, mpxsConns: true, ...limits });
    await once(client, 'ready');
    const ask = () => new Promise((resolve) => {
        client.request({ REQUEST_METHOD: 'GET' }, (error, request) => {
            if (error) {
                resolve('refused');
                return;
            }
            let text = '';
            request.stdout.on('data', (data) => { text += data; });
            request.stdout.on('end', () => resolve(text));
            request.stderr.resume();
            request.stdin.end();
        });
    });
    const said = await Promise.all([ask(), ask(), ask()]);
    return { said: said.sort().join(' '), most: seen.most, connections: seen.connections };
}

once(server, 'listening').then(async () => {
    const all = { said: 'answered answered answered', most: 3, connections: 1 };
    for (const [limits, right] of [
        [{ maxConns: 10, maxReqs: 10 }, all],
        [{ maxConns: 1, maxReqs: 10 }, { said: 'answered refused refused', most: 1, connections: 1 }],
        [{ maxConns: 10, maxReqs: 1 }, all],
        [{ maxReqs: 1 }, all],
    ]) {
        const said = await three(limits);
        console.log(`${JSON.stringify(limits)}: ${said.said}, ${said.most} at once`);
        assert.deepStrictEqual(said, right);
    }
    process.exit();
});
JAVASCRIPT
timeout 60 node --no-deprecation requests.js
echo "as described"
