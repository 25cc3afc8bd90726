#!/usr/bin/env bash
# gelf 2.0.1 (Node.js) writes the head of a chunk with five bytes instead of twelve, so that no message that is divided arrives.
#
# Expected: a chunk begins with "magic bytes 0x1e 0x0f", eight bytes of a message id, and the number and the count of chunks (GELF, specification). "A
# full implementation for sending messages in GELF" (README).
# Seen: the id is a number of eight digits, of which one byte is written. A receiver takes the first seven bytes of the compressed message for the id,
# and two more for the number and the count. Messages that fit in one datagram, which is 1,420 bytes compressed, arrive. gelfling 0.3.1 writes twelve.
#
# Usage: findings/gelf-of-node-writes-chunk-heads-of-five-bytes.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund gelf@2.0.1 gelfling@0.3.1

cat >chunks.js <<'JAVASCRIPT'
const assert = require('assert');
const crypto = require('crypto');
const dgram = require('dgram');
const zlib = require('zlib');
const Gelf = require('gelf');
const gelfling = require('gelfling');

// What does not compress, so that it needs three chunks.
const long = crypto.randomBytes(3500).toString('base64');
const receiver = dgram.createSocket('udp4');
const received = [];
receiver.on('message', (datagram) => received.push(datagram));

async function sent(send, count) {
    received.length = 0;
    send();
    const deadline = Date.now() + 10_000;
    while (received.length < count) {
        assert.ok(Date.now() < deadline, `${received.length} of ${count} datagrams came`);
        await new Promise((done) => setTimeout(done, 10));
    }
    return received.slice();
}

receiver.bind(0, '127.0.0.1', async () => {
    const { port } = receiver.address();
    const client = new Gelf({ graylogHostname: '127.0.0.1', graylogPort: port });
    const [whole] = await sent(() => client.emit('gelf.log', 'short'), 1);
    assert.strictEqual(JSON.parse(zlib.inflateSync(whole)).short_message, 'short');

    for (const [name, send, head, inflate] of [
        ['gelf', () => client.emit('gelf.log', long), 5, zlib.inflateSync],
        ['gelfling', () => gelfling('127.0.0.1', port).send(long), 12, zlib.gunzipSync],
    ]) {
        const chunks = (await sent(send, 3)).sort((one, other) => one[head - 2] - other[head - 2]);
        console.log(`${name}: ${chunks.map((chunk) => chunk.subarray(0, 14).toString('hex')).join(' ')}`);
        assert.ok(chunks.every((chunk, index) => chunk.readUInt16BE(0) === 0x1e0f && chunk[head - 2] === index && chunk[head - 1] === 3));
        const joined = Buffer.concat(chunks.map((chunk) => chunk.subarray(head)));
        assert.strictEqual(JSON.parse(inflate(joined)).short_message, long);
    }
    receiver.close();
    client.closeSocket();
});
JAVASCRIPT
node --no-deprecation chunks.js
echo "as described"
