#!/usr/bin/env bash
# node-cidr 1.0.0 (Node.js) gives a common network in which not all of its addresses are.
#
# Expected: `commonCidr` of some addresses is the least network that has all of them; a network begins at a multiple of its size (RFC 4632 section
# 3.1).
# Seen: of 10.0.0.1 and 10.0.0.4 it gives 10.0.0.0/30, which ends at 10.0.0.3. Of 10.0.0.7 and 10.0.0.9 it gives 10.0.0.4/29, which does not begin at
# a multiple of 8. Of 34.0.0.1 and 172.16.0.1 it gives 172.16.0.1/32, since it sorts the numbers of the addresses by their digits, as texts. Its own
# `includes` denies the addresses. Python's ipaddress gives the networks that are right.
#
# Usage: findings/node-cidr-gives-a-common-network-without-its-addresses.sh
# Needs Node.js 20, npm with its registry, and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund node-cidr@1.0.0

cat >common.py <<'PYTHON'
import ipaddress
import sys

addresses = [ipaddress.ip_address(text) for text in sys.argv[1:]]
network = ipaddress.ip_network(addresses[0])
while not all(address in network for address in addresses):
    network = network.supernet()
print(network)
PYTHON
cat >common.js <<'JAVASCRIPT'
const assert = require('assert');
const { execFileSync } = require('child_process');
const { cidr, ip } = require('node-cidr');

for (const [addresses, seen, right, within] of [
    [['10.0.0.1', '10.0.0.2'], '10.0.0.0/31', '10.0.0.0/30', false],
    [['10.0.0.1', '10.0.0.3'], '10.0.0.0/30', '10.0.0.0/30', true],
    [['10.0.0.1', '10.0.0.4'], '10.0.0.0/30', '10.0.0.0/29', false],
    [['10.0.0.7', '10.0.0.9'], '10.0.0.4/29', '10.0.0.0/28', false],
    [['34.0.0.1', '172.16.0.1'], '172.16.0.1/32', '0.0.0.0/0', false],
]) {
    const said = ip.commonCidr(addresses);
    const all = addresses.every((address) => cidr.includes(said, address));
    const python = execFileSync('python3', ['common.py', ...addresses], { encoding: 'utf8' }).trim();
    console.log(`${addresses.join(' and ')}: ${said}, which ${all ? 'includes' : 'does not include'} both; right is ${python}`);
    assert.deepStrictEqual([said, all, python], [seen, within, right]);
}
JAVASCRIPT
node common.js
echo "as described"
