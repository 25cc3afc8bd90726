#!/usr/bin/env bash
# stomp-broker-js 1.3.0 (Node.js) puts a comma into a message where it has an empty line.
#
# Expected: the body of a frame is what stands between the first empty line and the NULL, and reaches the subscriber as it was sent; the
# server adds a `message-id` to each MESSAGE (STOMP 1.2, "STOMP Frames" and "MESSAGE").
# Seen: the frame is split at all empty lines, and its parts are joined as an array is: of `first`, an empty line and `second` the
# subscriber gets `first,second`, of a body that begins with an empty line `,x`. A content-length that is sent along changes nothing. One line feed
# is kept. No MESSAGE has a `message-id`, so that no client can acknowledge one.
#
# A text loses its paragraphs; HTTP messages, mails and PEM files that are carried become unreadable, and nothing says so.
#
# Usage: findings/stomp-broker-js-puts-a-comma-for-an-empty-line.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund stomp-broker-js@1.3.0 ws@8.23.0

cat >broker.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const Broker = require('stomp-broker-js');
const { WebSocket } = require('ws');

const server = http.createServer();
const broker = new Broker({ server, path: '/stomp', debug: () => {} });
const connected = (url) => new Promise((resolve) => {
    const client = new WebSocket(url);
    client.on('open', () => client.send('CONNECT\naccept-version:1.2\nhost:localhost\n\n\0'));
    client.once('message', () => resolve(client));
});
server.listen(0, '127.0.0.1', async () => {
    const url = `ws://127.0.0.1:${server.address().port}/stomp`;
    const [sender, subscriber] = [await connected(url), await connected(url)];
    const subscribed = new Promise((resolve) => { broker.once('subscribe', resolve); });
    subscriber.send('SUBSCRIBE\nid:1\ndestination:/news\n\n\0');
    await subscribed;
    for (const [body, received] of [
        ['one\ntwo', 'one\ntwo'],
        ['first\n\nsecond', 'first,second'],
        ['first\n\nsecond\n\nthird', 'first,second,third'],
        ['\n\nx', ',x'],
    ]) {
        const heard = new Promise((resolve) => { subscriber.once('message', (frame) => resolve(frame.toString())); });
        sender.send(`SEND\ndestination:/news\ncontent-length:${body.length}\n\n${body}\0`);
        const frame = await heard;
        const said = frame.slice(frame.indexOf('\n\n') + 2, -1);
        console.log(`${JSON.stringify(body)}: ${JSON.stringify(said)}`);
        assert.strictEqual(said, received);
        assert.match(frame, /^MESSAGE\n/);
        assert.doesNotMatch(frame, /message-id/);
    }
    console.log('as described');
    process.exit(0);
});
JAVASCRIPT
timeout 60 node --no-deprecation broker.js
