#!/usr/bin/env bash
# nodejs-websocket 1.7.2 (Node.js) answers a ping of eight bytes with a pong of sixteen, and breaks a letter that two frames share.
#
# Expected: a pong has "identical Application data as found in the message body of the Ping frame" (RFC 6455 section 5.5.3), which are bytes
# of any kind. A text may be cut into frames at any byte: a frame "might include a partial UTF-8 sequence; however, the whole message MUST
# contain valid UTF-8" (section 5.6).
# Seen: the payload of each frame is made a string by itself. A ping with the bytes 00 00 01 93 fe 80 ff 07, a time in milliseconds, is
# answered with 16 bytes, each of three replaced by ef bf bd. Of `caf` and the first byte of `é` in one frame and the second in another
# the server makes `caf` and two replacement characters. A ping of ASCII and a text in one frame are right.
#
# A client that measures its round trip by the time in its ping never sees its own, and closes the connection as dead.
#
# Usage: findings/nodejs-websocket-answers-a-ping-with-other-bytes.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund nodejs-websocket@1.7.2

cat >ping.js <<'JAVASCRIPT'
const assert = require('assert');
const net = require('net');
const websocket = require('nodejs-websocket');

let told;
const server = websocket.createServer((connection) => {
    connection.on('text', (text) => told(text));
    connection.on('error', () => {});
});
const frame = (opcode, last, payload) => Buffer.concat([Buffer.from([(last ? 128 : 0) | opcode, 128 | payload.length, 0, 0, 0, 0]), payload]);
const request = ['GET / HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\r\n');
server.listen(0, '127.0.0.1', async () => {
    const client = net.connect(server.socket.address().port, '127.0.0.1');
    const next = () => new Promise((resolve) => { client.once('data', resolve); });
    client.write(request);
    assert.match((await next()).toString(), /^HTTP\/1\.1 101 /);

    for (const [ping, pong] of [['616263', '616263'], ['00000193fe80ff07', '000001efbfbdefbfbdefbfbdefbfbd07']]) {
        client.write(frame(9, true, Buffer.from(ping, 'hex')));
        const answer = await next();
        console.log(`ping ${ping}: pong ${answer.subarray(2).toString('hex')}`);
        assert.deepStrictEqual([answer[0], answer.subarray(2).toString('hex')], [0x8a, pong]);
    }
    const word = Buffer.from('café');
    for (const [cut, text] of [[word.length, 'café'], [3, 'café'], [4, 'caf\ufffd\ufffd']]) {
        const heard = new Promise((resolve) => { told = resolve; });
        if (cut === word.length) client.write(frame(1, true, word));
        else client.write(Buffer.concat([frame(1, false, word.subarray(0, cut)), frame(0, true, word.subarray(cut))]));
        const said = await heard;
        console.log(`a text of 5 bytes, cut behind ${cut}: ${said}`);
        assert.strictEqual(said, text);
    }
    console.log('as described');
    process.exit(0);
});
JAVASCRIPT
timeout 60 node --no-deprecation ping.js
