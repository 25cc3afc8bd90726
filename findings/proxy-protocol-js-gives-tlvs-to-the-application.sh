#!/usr/bin/env bash
# proxy-protocol-js 4.0.6 (Node.js): what stands in a header of PROXY version 2 behind the addresses is handed to the application as
# the first bytes of the client, and `build` leaves it out of the length that it writes.
#
# Expected: the two length bytes count everything up to the payload, so that TLVs and a block of a family that one does not
# know can be skipped (proxy-protocol.txt 2.2); haproxy, hitch and the balancers of clouds send TLVs.
# Seen: `V2ProxyProtocol.parse` cuts behind the addresses, whatever the length says. `data` begins with the TLVs, and with the
# whole block where the family is AF_UNSPEC. A server that hands `data` on hears them before `GET`. `build` of what was
# parsed writes the length of the addresses alone, in front of the TLVs: the next receiver takes those for the request too.
# Headers without TLVs are read well. Version 1 refuses `PROXY UNKNOWN` and a line end, the form that says no addresses (2.1).
#
# Usage: findings/proxy-protocol-js-gives-tlvs-to-the-application.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund proxy-protocol-js@4.0.6

cat >parse.js <<'JAVASCRIPT'
const assert = require('assert');
const { V1ProxyProtocol, V2ProxyProtocol } = require('proxy-protocol-js');
const REQUEST = Buffer.from('GET / HTTP/1.1\r\n\r\n');
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const ADDRESSES = Buffer.from('c0000201c63364019c400050', 'hex'); // 192.0.2.1:40000 to 198.51.100.1:80
const TLVS = Buffer.from('0100026832', 'hex'); // ALPN: h2

function header(family, ...block) {
    const body = Buffer.concat(block);
    return Buffer.concat([SIGNATURE, Buffer.from([0x21, family, body.length >> 8, body.length & 255]), body]);
}

for (const [name, whole, before] of [
    ['addresses', header(0x11, ADDRESSES), 0],
    ['addresses and TLVs', header(0x11, ADDRESSES, TLVS), TLVS.length],
    ['AF_UNSPEC with TLVs', header(0x00, TLVS), TLVS.length],
]) {
    const parsed = V2ProxyProtocol.parse(Buffer.concat([whole, REQUEST]));
    const data = Buffer.from(parsed.data);
    const built = Buffer.from(parsed.build());
    const said = built.readUInt16BE(14);
    console.log(`${name}: the application hears ${JSON.stringify(data.toString('latin1'))}`);
    console.log(`  built again, a block of ${said} bytes, not of ${whole.length - 16}`);
    assert.deepStrictEqual(data, Buffer.concat([TLVS.subarray(0, before), REQUEST]));
    assert.strictEqual(said, whole.length - 16 - before);
}
assert.throws(() => V1ProxyProtocol.parse('PROXY UNKNOWN\r\n'), { name: 'V1ProxyProtocolParseError' });
assert.strictEqual(V1ProxyProtocol.parse('PROXY TCP4 192.0.2.1 198.51.100.1 40000 80\r\n').source.ipAddress, '192.0.2.1');
JAVASCRIPT
node parse.js
echo "as described"
