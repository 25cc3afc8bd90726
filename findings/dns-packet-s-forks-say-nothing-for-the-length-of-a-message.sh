#!/usr/bin/env bash
# @leichtgewicht/dns-packet 6.0.3 and @dnsquery/dns-packet 6.1.1 (Node.js), two descendants of dns-packet, write the length 0 in front of each
# message for TCP, and no message at all for a record that they do not know.
#
# Expected: over TCP and TLS "the message is prefixed with a two byte length field which gives the message length" (RFC 1035 section 4.2.2, RFC 7858
# section 3.3). "`var buf = packets.streamEncode(packet, [buf], [offset])`: encode a DNS packet to a buffer containing a DNS payload for transport over
# a byte-stream (such as TCP or TLS)" (README of dns-packet).
# Seen: a query of 27 bytes begins with 00 00; dns-packet 5.6.1 writes 00 1b. Both descendants read a message with a right length, and their
# own as one of no bytes. An answer with NAPTR or TLSA, whose data dns-packet writes, is an empty array, without an error. A question for HTTPS or
# URI asks for the type 0 in all three (that HTTPS is missing is known to dns-packet, issue 95).
#
# A resolver that gets the length 0 closes the connection, or waits for a message: each query over TCP or TLS fails.
#
# Usage: findings/dns-packet-s-forks-say-nothing-for-the-length-of-a-message.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund dns-packet@5.6.1 @leichtgewicht/dns-packet@6.0.3 @dnsquery/dns-packet@6.1.1

cat >lengths.js <<'JAVASCRIPT'
const assert = require('assert');
const original = require('dns-packet');

const query = { type: 'query', id: 7, questions: [{ type: 'A', name: 'a.example' }] };
const naptr = { order: 1, preference: 2, flags: 's', services: 'SIP+D2U', regexp: '', replacement: 'a.example' };
const answer = { type: 'response', id: 7, answers: [{ type: 'NAPTR', name: 'a.example', data: naptr }] };
for (const [name, prefix, answered] of [
    ['dns-packet', '001b', 59], ['@leichtgewicht/dns-packet', '0000', 0], ['@dnsquery/dns-packet', '0000', 0],
]) {
    const packet = require(name);
    const written = Buffer.from(packet.streamEncode(query));
    const length = packet.encode(answer).length;
    console.log(`${name}: the length of ${written.length - 2} bytes is written as ${written.toString('hex', 0, 2)}; NAPTR takes ${length}`);
    assert.deepStrictEqual([written.length, written.toString('hex', 0, 2), length], [29, prefix, answered]);
    assert.deepStrictEqual(written.subarray(2), original.encode(query));
    assert.strictEqual(packet.streamDecode(original.streamEncode(query)).id, 7);

    for (const [type, number] of [['A', 1], ['HTTPS', 0], ['URI', 0]]) {
        const asked = Buffer.from(packet.encode({ ...query, questions: [{ type, name: 'a.example' }] }));
        assert.strictEqual(asked.readUInt16BE(asked.length - 4), number);
    }
}
JAVASCRIPT
node lengths.js
echo "as described"
