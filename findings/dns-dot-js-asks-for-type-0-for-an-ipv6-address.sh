#!/usr/bin/env bash
# dns.js 1.0.1 (Node.js) asks for records of type 0 where it is asked for an IPv6 address, and fails for good behind 65536 questions.
#
# Expected: it exports `resolve`, `resolve4` and `resolve6`, "meant to be used instead of Node.JS dns.resolve method". The type of an IPv6 address is
# AAAA, 28 (RFC 3596 section 2.1), that of a service SRV, 33 (RFC 2782); type 0 is reserved (RFC 6895 section 3.1).
# Seen: `resolve6` sends a question of type 0, as `resolve` does for SRV, and there is no error. Of a client whose questions are all answered at once
# the 65537th throws "More than 65535 active requests", and so does each one behind it: no answered question is forgotten. A and TXT are asked for
# with their types, and the first 65536 are answered.
#
# A host with IPv6 alone has no address, and a process that runs for long resolves nothing any more from one question to the next.
#
# Usage: findings/dns-dot-js-asks-for-type-0-for-an-ipv6-address.sh
# Needs Node.js 20 and npm with its registry. The answers are given by the script. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund dns.js@1.0.1

cat >questions.js <<'JAVASCRIPT'
const assert = require('assert');
const { Client } = require('dns.js');

/** A client whose questions are answered at once, with no records. */
function connect() {
    const client = new Client({ send: (bytes) => { client.question = Buffer.from(bytes); } });
    client.answer = () => {
        const answer = Buffer.from(client.question);
        answer[2] |= 0x80;
        client.feed(answer);
    };
    return client;
}
const types = {};
for (const [name, ask] of Object.entries({
    A: (client) => client.resolve4('example.com', () => {}),
    TXT: (client) => client.resolve('example.com', 'TXT', () => {}),
    AAAA: (client) => client.resolve6('example.com', () => {}),
    SRV: (client) => client.resolve('example.com', 'SRV', () => {}),
})) {
    const client = connect();
    ask(client);
    types[name] = client.question.readUInt16BE(client.question.length - 4);
    client.answer();
}
console.log(`types of the questions: ${JSON.stringify(types)}`);
assert.deepStrictEqual(types, { A: 1, TXT: 16, AAAA: 0, SRV: 0 });

const client = connect();
let answered = 0;
const ask = () => {
    client.resolve4('example.com', () => { answered += 1; });
    client.answer();
};
for (let count = 0; count < 65536; count++) ask();
assert.strictEqual(answered, 65536);
for (let count = 0; count < 3; count++) assert.throws(ask, /^Error: More than 65535 active requests$/);
console.log(`${answered} questions answered, and no more`);
JAVASCRIPT
node --no-deprecation questions.js
echo "as described"
