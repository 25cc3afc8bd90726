#!/usr/bin/env bash
# stomp-client 0.9.0 (Node.js) loses a message that is not ASCII and comes in two pieces, and the next one, and ends a message at a zero inside it.
#
# Expected: `content-length` is "an octet count for the length of the message body", and with it the body may hold NUL octets (STOMP 1.0, the frame
# SEND; 1.1, "Header content-length"). TCP may cut a frame anywhere.
# Seen: of a body of ten letters `é`, cut between two of them, and a second message behind it, neither arrives: what is there is counted in letters,
# what is missing in octets, so that it takes octets of the next frame and waits for ever. A body of `abcde`, NUL and `fghi` that is cut
# behind the NUL arrives as `abcde`, and an error follows. Both arrive if they come in one piece, and one of ASCII in two.
#
# A consumer falls silent at the first longer message with an accent in it, and no error says so.
#
# Usage: findings/stomp-client-loses-two-messages-where-one-comes-in-two-pieces.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund stomp-client@0.9.0

cat >messages.js <<'JAVASCRIPT'
const assert = require('assert');
const net = require('net');
const { once } = require('events');
const Stomp = require('stomp-client');

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
/** What a client gets of a message with this body that is cut behind so many octets, and one of `hello` behind it. */
async function receive(body, cut) {
    const message = (text) => {
        const head = `MESSAGE\ndestination:/queue\nmessage-id:1\ncontent-length:${Buffer.byteLength(text)}\n\n`;
        return { head, frame: Buffer.from(`${head}${text}\0\n`) };
    };
    const server = net.createServer((socket) => {
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('data', async (data) => {
            if (String(data).startsWith('CONNECT')) socket.write('CONNECTED\nsession:1\n\n\0\n');
            if (!String(data).includes('SUBSCRIBE')) return;
            const { head, frame } = message(body);
            const all = Buffer.concat([frame, message('hello').frame]);
            const end = cut === undefined ? all.length : head.length + cut;
            socket.write(all.subarray(0, end));
            await wait(100);
            socket.write(all.subarray(end));
        });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = new Stomp('127.0.0.1', server.address().port);
    const got = [];
    client.on('error', (error) => got.push(`error: ${error.message.trim()}`));
    client.connect(() => client.subscribe('/queue', (text) => got.push(text)));
    await wait(700);
    client.disconnect();
    server.close();
    return got;
}

(async () => {
    const accents = 'é'.repeat(10);
    const zero = 'abcde\0fghi';
    for (const [body, cut, seen] of [
        [accents, undefined, [accents, 'hello']],
        [zero, undefined, [zero, 'hello']],
        ['e'.repeat(20), 10, ['e'.repeat(20), 'hello']],
        [accents, 10, []],
        [zero, 6, ['abcde', 'error: No such command']],
    ]) {
        const got = await receive(body, cut);
        console.log(`${JSON.stringify(body)} ${cut ? `cut behind ${cut} octets` : 'whole'}: ${JSON.stringify(got)}`);
        assert.deepStrictEqual(got, seen);
    }
})();
JAVASCRIPT
node --no-deprecation messages.js
echo "as described"
