#!/usr/bin/env bash
# nodejs-websocket 1.7.2 (Node.js) sees a field only if exactly one blank is behind its colon and its name is letters and hyphens.
#
# Expected: `field-line = field-name ":" OWS field-value OWS`: none, one or more blanks or tabs; a name is a token, which may have digits and
# underscores (RFC 9112 section 5, RFC 9110 sections 5.1 and 5.6.2).
# Seen: an opening handshake whose fields are written `Host:localhost`, without a blank, or with two, or with a tab, is refused with 400.
# With one blank it is accepted, and of its other fields `X-Trace-Id` is in `headers`, while `X-B3-TraceId` and `X_Tenant` are missing. As
# a client it refuses a server that answers `Upgrade:websocket`, with "missing required headers". ws 8.23.0 takes all of them.
#
# A client of few bytes, such as one on a small device, that leaves the blanks out cannot connect.
#
# Usage: findings/nodejs-websocket-wants-one-blank-behind-a-colon.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund nodejs-websocket@1.7.2 ws@8.23.0

cat >blanks.js <<'JAVASCRIPT'
const assert = require('assert');
const crypto = require('crypto');
const net = require('net');
const websocket = require('nodejs-websocket');
const { WebSocketServer, WebSocket } = require('ws');

const listening = (server) => new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const fields = ['Host', 'Upgrade', 'Connection', 'Sec-WebSocket-Version', 'Sec-WebSocket-Key', 'X-Trace-Id', 'X-B3-TraceId', 'X_Tenant'];
const values = ['localhost', 'websocket', 'Upgrade', '13', 'dGhlIHNhbXBsZSBub25jZQ==', '4bf9', '80f1', 'blue'];
const asked = (port, between) => new Promise((resolve) => {
    const client = net.connect(port, '127.0.0.1');
    client.once('data', (answer) => { resolve(answer.toString().split(' ')[1]); client.destroy(); });
    client.write(`GET / HTTP/1.1\r\n${fields.map((name, i) => `${name}${between}${values[i]}\r\n`).join('')}\r\n`);
});

(async () => {
    let seen;
    const first = websocket.createServer((connection) => { seen = connection.headers; connection.on('error', () => {}); });
    await listening(first);
    const second = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => { second.on('listening', resolve); });
    for (const [between, status] of [[': ', '101'], [':', '400'], [':  ', '400'], [':\t', '400']]) {
        const answers = [await asked(first.socket.address().port, between), await asked(second.address().port, between)];
        console.log(`fields with ${JSON.stringify(between)}: nodejs-websocket ${answers[0]}, ws ${answers[1]}`);
        assert.deepStrictEqual(answers, [status, '101']);
    }
    console.log(`headers with one blank: ${Object.keys(seen).filter((name) => name.startsWith('x')).join(', ')}`);
    assert.deepStrictEqual([seen['x-trace-id'], seen['x-b3-traceid'], seen.x_tenant], ['4bf9', undefined, undefined]);

    // A server that answers the handshake without blanks.
    const server = net.createServer((connection) => connection.once('data', (head) => {
        const key = /sec-websocket-key: *(\S+)/i.exec(head)[1];
        const accept = crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        connection.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade:websocket\r\nConnection:Upgrade\r\nSec-WebSocket-Accept:${accept}\r\n\r\n`);
    }));
    await listening(server);
    const url = `ws://127.0.0.1:${server.address().port}/`;
    const as_client = await new Promise((resolve) => {
        const client = websocket.connect(url, () => resolve('connected'));
        client.on('error', (error) => resolve(error.message));
    });
    const as_client_of_ws = await new Promise((resolve) => { new WebSocket(url).on('open', () => resolve('connected')); });
    console.log(`as clients: nodejs-websocket "${as_client}", ws "${as_client_of_ws}"`);
    assert.deepStrictEqual([as_client, as_client_of_ws], ['Invalid handshake: missing required headers', 'connected']);
    console.log('as described');
    process.exit(0);
})();
JAVASCRIPT
timeout 60 node --no-deprecation blanks.js
