#!/usr/bin/env bash
# sse-stream 0.0.5 (Node.js) strikes a client off that is still there, in place of one that left, and sends it no keepalive any more.
#
# Expected: its README: "`keepalive` determines the interval time in ms that keepalives will be sent to all connected clients".
# Seen: of three clients the first leaves and then the second, and the third gets no keepalive from then on: each is struck off at the place
# in the list that it had when it came, and the places behind the first have moved by one. The second, which is gone, stays in the list.
# If the third leaves and then the second, the first gets its keepalives.
#
# A proxy that ends a connection after a minute of silence ends one that was to be kept alive, sooner or later each.
#
# Usage: findings/sse-stream-keeps-no-connection-alive-behind-two-that-left.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund sse-stream@0.0.5

cat >clients.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const { once } = require('events');
const sseStream = require('sse-stream');

/** The number of keepalives of the client that stays when two others leave one after the other, and of entries in the list. */
async function remain(leave, stay) {
    const sse = sseStream({ path: '/sse', keepalive: 20 });
    const server = http.createServer();
    sse.install(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const clients = [];
    for (let count = 0; count < 3; count++) {
        const { port } = server.address();
        const connected = once(sse, 'connection');
        const request = http.get({ host: '127.0.0.1', port, path: '/sse', agent: false, headers: { accept: 'text/event-stream' } });
        request.on('error', () => {});
        const [answer] = await once(request, 'response');
        const client = { request, seen: 0 };
        answer.on('error', () => {});
        answer.on('data', (data) => { client.seen += String(data).split(':keepalive').length - 1; });
        [client.stream] = await connected;
        clients.push(client);
    }
    while (clients.some((client) => client.seen === 0)) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const place of leave) {
        const left = once(clients[place].stream, 'close');
        clients[place].request.destroy();
        await left;
    }
    // What was under way arrives first.
    await new Promise((resolve) => setTimeout(resolve, 60));
    const before = clients[stay].seen;
    await new Promise((resolve) => setTimeout(resolve, 400));
    const seen = clients[stay].seen - before;
    const listed = sse.pool.length;
    const itself = sse.pool.includes(clients[stay].stream);
    clients[stay].request.destroy();
    server.close();
    return { seen, listed, itself };
}

(async () => {
    const last = await remain([0, 1], 2);
    console.log(`the first and the second left, the third has ${last.seen} keepalives and ${last.itself ? 'is' : 'is not'} in the list`);
    const first = await remain([2, 1], 0);
    console.log(`the third and the second left, the first has ${first.seen > 0 ? 'its' : 'no'} keepalives`);
    assert.deepStrictEqual(last, { seen: 0, listed: 1, itself: false });
    assert.ok(first.seen > 0 && first.itself);
})();
JAVASCRIPT
node clients.js
echo "as described"
