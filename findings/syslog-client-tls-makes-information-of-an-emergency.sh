#!/usr/bin/env bash
# syslog-client-tls 1.2.1 (Node.js) makes information of an emergency if that is the severity of a client, and `local0` of the kernel.
#
# Expected: its README: `severity` and `facility` "set default for `client.log()`", and `Emergency` and `Kernel` are among the values of both. The
# priority is eight times the facility and the severity (RFC 5424 section 6.2.1).
# Seen: a client with `severity: Severity.Emergency` writes priority 134, which is `local0` with severity 6, "informational", and one with
# `facility: Facility.Kernel` too: their number is 0, which is taken for nothing given. `Alert` and `User`, which are 1, are kept, and so is
# an emergency of the kernel that is given to `log()`: its priority is 0.
#
# A client that was made for emergencies writes what the server files with the least.
#
# Usage: findings/syslog-client-tls-makes-information-of-an-emergency.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund syslog-client-tls@1.2.1

cat >severities.js <<'JAVASCRIPT'
const assert = require('assert');
const dgram = require('dgram');
const { once } = require('events');
const { createClient, Facility, Severity } = require('syslog-client-tls');

const server = dgram.createSocket('udp4').bind(0, '127.0.0.1');
/** The priority of a message of a client with these defaults. */
async function priority(defaults, options) {
    const client = createClient('127.0.0.1', { port: server.address().port, ...defaults });
    const message = once(server, 'message');
    client.log('power lost', options);
    const [text] = await message;
    client.close();
    return Number(/^<(\d+)>/.exec(text)[1]);
}
once(server, 'listening').then(async () => {
    const { Emergency, Alert } = Severity;
    const { Kernel, User } = Facility;
    for (const [name, defaults, options, right, seen] of [
        ['user and alert for the client', { facility: User, severity: Alert }, {}, 9, 9],
        ['kernel and emergency for one message', {}, { facility: Kernel, severity: Emergency }, 0, 0],
        ['emergency for the client', { severity: Emergency }, {}, 128, 134],
        ['kernel for the client', { facility: Kernel }, {}, 6, 134],
        ['kernel and emergency for the client', { facility: Kernel, severity: Emergency }, {}, 0, 134],
    ]) {
        const said = await priority(defaults, options);
        console.log(`${name}: ${said}, right ${right}`);
        assert.strictEqual(said, seen);
    }
    server.close();
});
JAVASCRIPT
node severities.js
echo "as described"
