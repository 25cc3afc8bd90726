#!/usr/bin/env bash
# stomp 0.1.1 (Node.js) makes one message of two that come in one packet, if only the second has a line feed behind its NULL.
#
# Expected: the NULL octet ends a frame; it "can be optionally followed by multiple EOLs" (STOMP 1.2, "STOMP Frames"), so frames may follow
# each other with none.
# Seen: the packet is divided at NULL and line feed together, and at NULL alone only if that pair is nowhere. Of `one` without a line feed
# behind it and `two` with one, a single message is told whose body is `one`, a NULL, and the command and headers of the second.
# If both have a line feed, or neither, there are two. The body is an array divided at empty lines: `a`, an empty line and `b` is
# `["a","b"]`, though the consumer among its examples prints it as text.
#
# A broker that sends a heart-beat, which is a line feed, behind some messages loses those before them.
#
# Usage: findings/stomp-of-node-makes-one-message-of-two.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund stomp@0.1.1

cat >stomp.js <<'JAVASCRIPT'
const assert = require('assert');
const net = require('net');
const { Stomp } = require('stomp');

const message = (body) => `MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:1\n\n${body}\0`;
const told = (packet) => new Promise((resolve) => {
    const server = net.createServer((connection) => connection.on('data', (bytes) => {
        if (bytes.toString().startsWith('CONNECT')) connection.write('CONNECTED\nversion:1.2\n\n\0\n');
        else connection.write(packet);
    })).listen(0, '127.0.0.1', () => {
        const bodies = [];
        const client = new Stomp({ host: '127.0.0.1', port: server.address().port, debug: false });
        client.on('connected', () => client.subscribe({ destination: '/q', ack: 'auto' }, (body) => bodies.push(body)));
        client.connect();
        setTimeout(() => { client.socket.destroy(); server.close(); resolve(bodies); }, 500);
    });
});
(async () => {
    const swallowed = 'one\0MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:1';
    for (const [packet, bodies] of [
        [`${message('one')}\n${message('two')}\n`, [['one'], ['two']]],
        [`${message('one')}${message('two')}`, [['one'], ['two']]],
        [`${message('one')}${message('two')}\n`, [[swallowed, 'two']]],
        [`${message('a\n\nb')}\n`, [['a', 'b']]],
    ]) {
        const said = await told(packet);
        console.log(`${said.length} told: ${JSON.stringify(said)}`);
        assert.deepStrictEqual(said, bodies);
    }
    console.log('as described');
    process.exit(0);
})();
JAVASCRIPT
timeout 60 node --no-deprecation stomp.js
