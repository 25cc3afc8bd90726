#!/usr/bin/env bash
# findhit-proxywrap 0.3.13 (Node.js) hands the line feed of a PROXY header to the application if it comes in a packet of its own, and
# has no address for a connection that is UNKNOWN.
#
# Expected: the header ends with CR and LF, and what is behind belongs to the application; a receiver has to wait for the rest of a header
# that comes in parts (proxy-protocol.txt 2.1). For UNKNOWN "the receiver must ignore anything presented before the CRLF", and the addresses
# are those of the connection itself (section 2).
# Seen: CR is taken for the end. If LF is not there yet, it is the first byte that the application reads: a line feed before its first
# message. With the cut at any other byte all is well. With `PROXY UNKNOWN` `remoteAddress` is undefined and `remotePort` NaN, though the
# connection comes from 127.0.0.1.
#
# HTTP forgives the empty line; a protocol whose first byte counts, such as TLS or one with a length in front, fails now and then, by how the
# network cuts. Health checks, for which some proxies send UNKNOWN, have a client without address in each log line.
#
# Usage: findings/findhit-proxywrap-hands-half-a-line-end-to-the-application.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund findhit-proxywrap@0.3.13

cat >proxied.js <<'JAVASCRIPT'
const assert = require('assert');
const net = require('net');
const proxied = require('findhit-proxywrap').proxy(net);

let told;
const server = proxied.createServer((connection) => {
    let text = '';
    connection.on('data', (bytes) => {
        text += bytes;
        if (text.endsWith('END')) told([connection.remoteAddress, connection.remotePort, text]);
    });
});
const sent = async (...parts) => {
    const heard = new Promise((resolve) => { told = resolve; });
    const client = net.connect(server.address().port, '127.0.0.1');
    client.setNoDelay(true);
    for (const part of parts) {
        client.write(part);
        await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
    const said = await heard;
    client.destroy();
    console.log(`${JSON.stringify(parts)}: ${said[0]}, ${said[1]}, ${JSON.stringify(said[2])}`);
    return said;
};
server.listen(0, '127.0.0.1', async () => {
    const header = 'PROXY TCP4 192.0.2.1 198.51.100.1 40000 80';
    assert.deepStrictEqual(await sent(`${header}\r\nEND`), ['192.0.2.1', 40000, 'END']);
    assert.deepStrictEqual(await sent(header.slice(0, 20), `${header.slice(20)}\r\nEND`), ['192.0.2.1', 40000, 'END']);
    assert.deepStrictEqual(await sent(`${header}\r\n`, 'END'), ['192.0.2.1', 40000, 'END']);
    assert.deepStrictEqual(await sent(`${header}\r`, '\nEND'), ['192.0.2.1', 40000, '\nEND']);
    assert.deepStrictEqual(await sent('PROXY UNKNOWN\r\nEND'), [undefined, NaN, 'END']);
    console.log('as described');
    process.exit(0);
});
JAVASCRIPT
timeout 60 node --no-deprecation proxied.js
