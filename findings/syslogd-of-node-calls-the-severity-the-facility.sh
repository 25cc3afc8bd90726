#!/usr/bin/env bash
# syslogd 1.1.2 (Node.js) calls the severity of a message its facility, and the facility its severity, and has NaN for the kernel.
#
# Expected: "the Priority value is calculated by first multiplying the Facility number by 8 and then adding the numerical value of the
# Severity" (RFC 5424 section 6.2.1, RFC 3164 section 4.1.1): 34 is facility 4 (security) and severity 2 (critical).
# Seen: of the example of RFC 3164 with 34 the parser gives facility 2 and severity 4, which its own table of names says to be a warning. Of 3,
# an error of the kernel, it gives facility 1 and severity NaN; of 0, an emergency of the kernel, severity NaN too. The message, its host
# and its tag are read rightly.
#
# A filter for errors and worse takes each message of users, mail and daemons, and none of the kernel or of `auth`.
#
# Usage: findings/syslogd-of-node-calls-the-severity-the-facility.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund syslogd@1.1.2

cat >priorities.js <<'JAVASCRIPT'
const assert = require('assert');
const { parser, Severity } = require('syslogd');

const remote = { address: '127.0.0.1', family: 'IPv4', port: 514, size: 80 };
assert.strictEqual(Severity.CRITICAL, 2);
assert.strictEqual(Severity.WARNING, 4);
for (const [priority, facility, severity] of [[34, 2, 4], [3, 1, NaN], [0, 0, NaN], [165, 5, 20]]) {
    const said = parser(`<${priority}>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick`, remote);
    console.log(`${priority}: said facility ${said.facility}, severity ${said.severity}; right ${priority >> 3}, ${priority & 7}`);
    assert.deepStrictEqual([said.hostname, said.tag, said.msg], ['mymachine', 'su', "'su root' failed for lonvick"]);
    assert.deepStrictEqual([said.facility, said.severity], [facility, severity]);
}
JAVASCRIPT
node priorities.js
echo "as described"
