#!/usr/bin/env bash
# Two readers of forwarding fields for Node.js:
#
#   forwarded-for 1.1.0 drops the whole X-Forwarded-For if an IPv6 address stands behind a comma and a blank.
#   forwarded-http 0.3.0 gives no IPv4 address, and gives a list for the protocol of two proxies.
#
# Expected: `X-Forwarded-For: 192.0.2.43, 2001:db8:cafe::17` is the example of the RFC (RFC 7239 section 7.4), of which the first is the client.
# forwarded-http: `.ips` is an "array of IP addresses the client is connected through", and `.proto` the "final proxied protocol", a text (README).
# Seen: forwarded-for asks whether ` 2001:db8:cafe::17` is an address before it takes the blank away, divides it at its colons, and answers the
# address of the proxy; without the blank it answers the client's. forwarded-http with its default options, which filter nothing, has an empty list of
# addresses for IPv4 clients, and one for IPv6; for `for=192.0.2.43;proto=http, for=198.51.100.17;proto=https` the protocol is a list of two.
#
# Usage: findings/forwarded-for-takes-no-ipv6-address-behind-a-comma.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "overrides": { "ip-filter": "1.0.2", "micromatch": "2.3.11" } }' >package.json
npm install --silent --no-audit --no-fund forwarded-for@1.1.0 forwarded-http@0.3.0

cat >addresses.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const forwarded_for = require('forwarded-for');
const forwarded_http = require('forwarded-http');

for (const [field, seen] of [
    ['203.0.113.7, 198.51.100.1', '203.0.113.7'],
    ['2001:db8::7, 198.51.100.1', '2001:db8::7'],
    ['203.0.113.7,2001:db8::1', '203.0.113.7'],
    ['192.0.2.43, 2001:db8:cafe::17', '192.0.2.1'],
]) {
    const { ip } = forwarded_for({ remoteAddress: '192.0.2.1', remotePort: 80 }, { 'x-forwarded-for': field });
    console.log(`X-Forwarded-For: ${field}: forwarded-for ${ip}`);
    assert.strictEqual(ip, seen);
}

const server = http.createServer((request, response) => response.end(JSON.stringify(forwarded_http(request))));
server.listen(0, '127.0.0.1', async () => {
    for (const [field, ips, proto] of [
        ['for=192.0.2.60;proto=https', [], 'https'],
        ['for="[2001:db8:cafe::17]:4711"', ['2001:db8:cafe::17'], 'http'],
        ['for=192.0.2.43;proto=http, for=198.51.100.17;proto=https', [], ['http', 'https']],
    ]) {
        const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: { forwarded: field } });
        const said = await response.json();
        console.log(`Forwarded: ${field}: forwarded-http ${JSON.stringify([said.ips, said.proto])}`);
        assert.deepStrictEqual([said.ips, said.proto], [ips, proto]);
    }
    server.close();
    server.closeAllConnections();
});
JAVASCRIPT
node --no-deprecation addresses.js
echo "as described"
