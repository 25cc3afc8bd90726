#!/usr/bin/env bash
# procfs-stats 1.0.2 (Node.js) swaps the two bytes of each port: SSH listens on 5632, a web server on 20480.
#
# Expected: 22 and 80. In /proc/net/tcp an address has "the local address and port number pair" (proc_net_tcp(5)); the address is in the
# order of the network, the port is its value in four hexadecimal digits: 0016 is 22.
# Seen: `tcp` gives `127.0.0.1:5632` for 0016 and 20480 for 0050, and so does `hexip.port` of hexip 1.0.1 below it. A real listener is told
# with its port swapped, too. Only a port of two equal bytes, such as 257, is right. The address is right; `udp` uses the same function.
#
# The README shows a listener on 24599, which is 5984 swapped, the port of CouchDB. A program that looks for who listens on port 80
# finds nobody.
#
# Usage: findings/procfs-stats-says-port-5632-for-22.sh
# Needs Node.js 20, npm with its registry, and Linux. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund procfs-stats@1.0.2 hexip@1.0.1

cat >ports.js <<'JAVASCRIPT'
const assert = require('assert');
const fs = require('fs');
const net = require('net');
const stats = require('procfs-stats');

const swapped = (port) => ((port & 255) << 8) | (port >> 8);
fs.mkdirSync('proc/net', { recursive: true });
const socket = (port) => `   0: 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711\n`;
const titles = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
fs.writeFileSync('proc/net/tcp', titles + [22, 80, 257].map(socket).join(''));
stats.tcp('proc/', (error, sockets) => {
    assert.ifError(error);
    const told = sockets.map((one) => one.local_address);
    console.log(`22, 80 and 257: ${told.join(', ')}`);
    assert.deepStrictEqual(told, ['127.0.0.1:5632', '127.0.0.1:20480', '127.0.0.1:257']);
});

const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    stats.tcp((error, sockets) => {
        assert.ifError(error);
        const listening = sockets.filter((one) => one.st === '0A').map((one) => one.local_address);
        console.log(`this listener on ${port}: ${listening.includes(`127.0.0.1:${swapped(port)}`) ? `${swapped(port)}` : 'not found'}`);
        assert(listening.includes(`127.0.0.1:${swapped(port)}`));
        server.close();
    });
});
JAVASCRIPT
timeout 60 node --no-deprecation ports.js
echo "as described"
