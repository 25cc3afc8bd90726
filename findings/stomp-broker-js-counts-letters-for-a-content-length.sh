#!/usr/bin/env bash
# stomp-broker-js 1.3.0 (Node.js) writes the number of UTF-16 units of a message as its content-length, and a reader cuts the message there.
#
# Expected: content-length "is an octet count for the length of the message body", and a reader takes so many octets, whatever they are
# (STOMP 1.2, "Header content-length").
# Seen: `grün und süß`, twelve letters in fifteen octets, is sent on with `content-length:12`, also if the sender had said 15.
# @stomp/stompjs 7.5.0 subscribes to it and gets `grün und s` and half a letter, and the next message of the connection is lost to it, since
# the octets that are left over spoil the frame behind. A message in ASCII is whole.
#
# Usage: findings/stomp-broker-js-counts-letters-for-a-content-length.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund stomp-broker-js@1.3.0 ws@8.23.0 @stomp/stompjs@7.5.0

cat >broker.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { Client } from '@stomp/stompjs';
import Broker from 'stomp-broker-js';
import http from 'http';
import { WebSocket } from 'ws';

const server = http.createServer();
const broker = new Broker({ server, path: '/stomp', debug: () => {} });
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const connected = () => new Promise((resolve) => {
    const client = new Client({
        webSocketFactory: () => new WebSocket(`ws://127.0.0.1:${server.address().port}/stomp`),
        reconnectDelay: 0,
        heartbeatIncoming: 0,
        heartbeatOutgoing: 0,
        onConnect: () => resolve(client),
    });
    client.activate();
});
const [sender, subscriber] = [await connected(), await connected()];
const received = [];
const subscribed = new Promise((resolve) => { broker.once('subscribe', resolve); });
subscriber.subscribe('/news', (message) => received.push([message.body, message.headers['content-length']]));
await subscribed;
for (const body of ['green', 'grün und süß', 'lost', 'blue']) {
    sender.publish({ destination: '/news', body });
    await new Promise((resolve) => { setTimeout(resolve, 200); });
}
for (const [body, length] of received) console.log(`content-length ${length}: ${JSON.stringify(body)}`);
assert.deepStrictEqual(received, [['green', '5'], ['gr\u00fcn und s\ufffd', '12'], ['blue', '4']]);
console.log('as described');
process.exit(0);
JAVASCRIPT
timeout 60 node --no-deprecation broker.mjs
