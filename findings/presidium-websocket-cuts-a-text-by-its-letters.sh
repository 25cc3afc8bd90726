#!/usr/bin/env bash
# presidium-websocket 3.1.0 (Node.js) counts the letters of a text and the bytes of its frames against each other: the end of a long text
# is not sent.
#
# Expected: a message is divided into frames and arrives whole (RFC 6455 section 5.4; the README says that the library implements it).
# Seen: what is longer than `maxMessageLength`, 4,096 bytes by default, is sent in parts, and the last part is the one that passes the number
# of letters. Of 5,000 times `é`, 10,000 bytes, a server of ws 8.23.0 gets 8,192 and the sign that the message ends there: 904 letters
# are lost. A text of ASCII, and a buffer, are whole.
#
# A text in German or Greek, or JSON with a long one inside, loses its end from 4 KiB on, and no error says so.
#
# Usage: findings/presidium-websocket-cuts-a-text-by-its-letters.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund presidium-websocket@3.1.0 ws@8.23.0

cat >send.js <<'JAVASCRIPT'
const assert = require('assert');
const Presidium = require('presidium-websocket');
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
let heard;
server.on('connection', (connection) => connection.on('message', (bytes) => heard(bytes.length)));
server.on('listening', () => {
    const client = new Presidium(`ws://127.0.0.1:${server.address().port}/`);
    client.on('open', async () => {
        for (const [name, message, sent, length] of [
            ['5,000 times e', 'e'.repeat(5000), 5000, 5000],
            ['1,000 times é', 'é'.repeat(1000), 2000, 2000],
            ['5,000 times é', 'é'.repeat(5000), 10000, 8192],
            ['a buffer of 10,000', Buffer.alloc(10000), 10000, 10000],
        ]) {
            const received = new Promise((resolve) => { heard = resolve; });
            client.send(message);
            const said = await received;
            console.log(`${name}: ${sent} bytes, ${said} arrive`);
            assert.strictEqual(said, length);
        }
        console.log('as described');
        process.exit(0);
    });
});
JAVASCRIPT
timeout 60 node --no-deprecation send.js
