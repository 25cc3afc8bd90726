#!/usr/bin/env bash
# dns-js 0.3.1 (Node.js) writes AAAA and MX records without what they say, and drops two bits of the header.
#
# Expected: the data of AAAA is an address of 16 octets (RFC 3596 section 2.2), that of MX a preference and a name (RFC 1035 section 3.3.9). AD and
# CD are bits of the header (RFC 4035 section 3.2). A pointer to a name has 14 bits for its offset (RFC 1035 section 4.1.4). The library "should be
# generic enough to do general dns stuff" (README), and reads all of these.
# Seen: an AAAA record has a length of 0, without an error, and an MX record too. The library itself fails on what it wrote, "Buffer overflow";
# dnspython 2.9.2 (Python) refuses it as well. A header that was read with AD and CD is written with neither. A message in which a name is repeated
# whose first place is behind octet 255 raises an error. A, SRV and pointers before that place are written right.
#
# A responder for the local network is found by nobody who asks for its IPv6 address, and a cache that passes answers on drops their AD.
#
# Usage: findings/dns-js-writes-a-record-of-an-ipv6-address-without-the-address.sh
# Needs Node.js 20, npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund dns-js@0.3.1
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check dnspython==2.9.2

cat >write.js <<'JAVASCRIPT'
const assert = require('assert');
const { writeFileSync } = require('fs');
const { DNSPacket, DNSRecord } = require('dns-js');

function write(...records) {
    const packet = new DNSPacket(DNSPacket.Flag.RESPONSE);
    for (const [name, type, data] of records) {
        packet.answer.push(Object.assign(new DNSRecord(name, DNSRecord.Type[type], DNSRecord.Class.IN, 60), data));
    }
    return DNSPacket.toBuffer(packet);
}
const messages = {
    A: write(['www.example.com', 'A', { address: '192.0.2.1' }]),
    SRV: write(['www.example.com', 'SRV', { priority: 1, weight: 2, port: 443, target: 'a.example.com' }]),
    AAAA: write(['www.example.com', 'AAAA', { address: '2001:db8::1' }]),
    MX: write(['example.com', 'MX', { priority: 10, exchange: 'mx.example.com' }]),
};
assert.strictEqual(DNSPacket.parse(messages.A).answer[0].address, '192.0.2.1');
assert.strictEqual(DNSPacket.parse(messages.SRV).answer[0].target, 'a.example.com');
for (const type of ['AAAA', 'MX']) {
    console.log(`${type} ends with ${messages[type].toString('hex').slice(-12)}`);
    assert.strictEqual(messages[type].readUInt16BE(messages[type].length - 2), 0);
}
// It reads what other writers write, and fails on its own AAAA.
const address = Buffer.concat([messages.AAAA.subarray(0, -2), Buffer.from('001020010db8000000000000000000000001', 'hex')]);
assert.strictEqual(DNSPacket.parse(address).answer[0].address, '2001:db8:0:0:0:0:0:1');
assert.throws(() => DNSPacket.parse(messages.AAAA));

const header = DNSPacket.parse(Buffer.from('000181b00000000000000000', 'hex'));
assert.deepStrictEqual([header.header.res2, header.header.res3], [1, 1]);
const again = DNSPacket.toBuffer(header).toString('hex');
console.log(`000181b0 becomes ${again.slice(0, 8)}`);
assert.strictEqual(again, '000181800000000000000000');

const many = (count) => [...Array(count).keys(), count - 1].map((host) => [`host${host}.example${host}.org`, 'A', { address: '192.0.2.1' }]);
assert.deepStrictEqual(DNSPacket.parse(write(...many(7))).answer.map((record) => record.name), many(7).map(([name]) => name));
assert.throws(() => write(...many(10)), (error) => {
    console.log(`a name repeated behind octet 255: ${error.message}`);
    return error.code === 'ERR_OUT_OF_RANGE';
});
const hex = Object.entries(messages).map(([type, message]) => [type, message.toString('hex')]);
writeFileSync('messages.json', JSON.stringify(Object.fromEntries(hex)));
JAVASCRIPT
node write.js

python/bin/python - <<'PYTHON'
import json

import dns.exception
import dns.message

with open("messages.json") as file:
    messages = {kind: bytes.fromhex(message) for kind, message in json.load(file).items()}
for kind, message in messages.items():
    try:
        said = dns.message.from_wire(message).answer[0].to_text()
    except dns.exception.DNSException as error:
        said = f"refused, {type(error).__name__}"
    print(f"dnspython reads {kind}: {said}")
    assert said.startswith("refused") == (kind in ("AAAA", "MX"))
PYTHON
echo "as described"
