#!/usr/bin/env bash
# Four readers of DNS zones in Node.js lose or change records of valid master files.
#
#   dnsz 4.5.2: `api IN 600 A 192.0.2.9` is of the type IN, with the content `600 A 192.0.2.9`.
#   dns-zonefile 0.3.2: has no record at all for it.
#   zone-file 1.0.0 and @fungible-systems/zone-file 2.0.0: lose the TTL, take `IN` for the name where a line begins with a blank, and end the
#   text of a TXT record at a semicolon inside its quotes.
#
# Expected: a record is `[<TTL>] [<class>] <type> <RDATA>` or `[<class>] [<TTL>] <type> <RDATA>`; "if an entry for an RR begins with a blank,
# then the RR is assumed to be owned by the last stated owner"; a semicolon begins a comment, but not in a quoted string (RFC 1035 section 5.1).
# The last three call themselves compliant with it.
# Seen: as above, without an error; the TTL before the class is read by all.
#
# A zone that is read, changed and written has less in it than before.
#
# Usage: findings/dnsz-reads-the-class-before-a-ttl-for-a-type.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund dnsz@4.5.2 dns-zonefile@0.3.2 zone-file@1.0.0 @fungible-systems/zone-file@2.0.0

cat >zones.js <<'JAVASCRIPT'
const assert = require('assert');
const dnsz = require('dnsz');
const zonefile = require('dns-zonefile').default;
const zone = require('zone-file');
const fungible = require('@fungible-systems/zone-file');

const text = `$ORIGIN example.org.
www 300 IN A 192.0.2.1
    IN A 192.0.2.2
api IN 600 A 192.0.2.9
note IN TXT "one; two"
`;
function seen(name, said, expected) {
    console.log(`${name}: ${JSON.stringify(said)}`);
    assert.deepStrictEqual(JSON.parse(JSON.stringify(said)), expected);
}
const records = dnsz.parseZone(text).records.map(({ name, ttl, type, content }) => `${name} ${ttl} ${type} ${content}`);
seen('dnsz', records.slice(0, 3), [
    'www.example.org 300 A 192.0.2.1', 'www.example.org 60 A 192.0.2.2', 'api.example.org 60 IN 600 A 192.0.2.9',
]);
const { a } = zonefile.parse(text);
seen('dns-zonefile', a, [{ name: 'www', ip: '192.0.2.1', ttl: 300 }, { name: 'www', ip: '192.0.2.2' }]);
for (const [name, { parseZoneFile }] of [['zone-file', zone], ['@fungible-systems/zone-file', fungible]]) {
    const parsed = parseZoneFile(text);
    seen(name, parsed.a, [{ name: 'www', ip: '192.0.2.1', ttl: 300 }, { name: 'IN', ip: '192.0.2.2' }, { name: 'api', ip: '192.0.2.9' }]);
    seen(name, parsed.txt, [{ name: 'note', txt: 'one' }]);
}
JAVASCRIPT
node zones.js
echo "as described"
