#!/usr/bin/env bash
# @fiverr/statsd-client 1.1.2 (Node.js) sends over TCP what a second client counts to the server of the first, and not to its own.
#
# Expected: its README: `new SDC({host: '127.0.0.1', port: '8125'})` is a client for a host and a port, and `TCP` is one of its protocols.
# Seen: of two clients with a port each, what both count arrives at the server of the first, and the second server sees not even a connection: there
# is one socket for all clients of a process, and the host and the port are read only when it is made. When the first client is
# destroyed, the next count of the second reaches its own server. Two clients for UDP reach a server each.
#
# A process that writes to two servers, or moves from one to another, fills one of them with the metrics of both.
#
# Usage: findings/fiverr-statsd-client-sends-what-two-clients-count-to-one-server.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @fiverr/statsd-client@1.1.2

cat >clients.js <<'JAVASCRIPT'
const assert = require('assert');
const dgram = require('dgram');
const net = require('net');
const { once } = require('events');
const SDC = require('@fiverr/statsd-client');

async function tcp() {
    const seen = { text: '', connections: 0 };
    const server = net.createServer((socket) => {
        seen.connections += 1;
        socket.on('data', (data) => { seen.text += data; });
        socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { seen, port: server.address().port, close: () => server.close() };
}
async function udp() {
    const seen = { text: '' };
    const server = dgram.createSocket('udp4', (data) => { seen.text += data; }).bind(0, '127.0.0.1');
    await once(server, 'listening');
    return { seen, port: server.address().port, close: () => server.close() };
}
const arrived = async (servers, length) => {
    while (servers.reduce((sum, { seen }) => sum + seen.text.length, 0) < length) await new Promise((resolve) => setTimeout(resolve, 10));
};
/** What two servers see of two clients that count one each, and of a second count of the second when the first is destroyed. */
async function count(protocol, listen) {
    const servers = [await listen(), await listen()];
    const clients = servers.map(({ port }) => new SDC({ host: '127.0.0.1', port, protocol, timeout: 10 }));
    clients[0].count('first', 1);
    clients[1].count('second', 1);
    await arrived(servers, 'first:1|csecond:1|c'.length);
    const before = servers.map(({ seen }) => seen.text);
    clients[0].destroy();
    await new Promise((resolve) => setTimeout(resolve, 200));
    clients[1].count('third', 1);
    await arrived(servers, 'first:1|csecond:1|cthird:1|c'.length);
    clients[1].destroy();
    servers.forEach(({ close }) => close());
    console.log(`${protocol}: the servers see ${JSON.stringify(before)}, and then ${JSON.stringify(servers.map(({ seen }) => seen.text))}`);
    return { before, servers };
}

(async () => {
    const apart = await count('UDP', udp);
    assert.deepStrictEqual(apart.before, ['first:1|c', 'second:1|c']);
    const joined = await count('TCP', tcp);
    assert.deepStrictEqual(joined.before, ['first:1|csecond:1|c', '']);
    assert.deepStrictEqual(joined.servers.map(({ seen }) => seen), [
        { text: 'first:1|csecond:1|c', connections: 1 },
        { text: 'third:1|c', connections: 1 },
    ]);
})();
JAVASCRIPT
timeout 60 node clients.js
echo "as described"
