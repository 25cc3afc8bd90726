#!/usr/bin/env bash
# cidr-js 2.3.1 (Node.js) leaves the last address out of the block that it belongs to, and makes numbers of the list that it is given.
#
# Expected: its README: `filter` is to "filter a list of ips into contiguous blocks", and `getBlocks` to "get IP blocks from a list of IPs".
# Seen: of 10.0.0.0 to 10.0.0.3 `filter` makes a block of three and one of the last, and `getBlocks` says 10.0.0.0/31, 10.0.0.2/32 and 10.0.0.3
# for what is 10.0.0.0/30: the last address is compared with itself in place of the one before it. With 10.0.1.0 behind them the four are one
# block. The array that was given holds 167772160 and the like afterwards, so that a second call with it says something else.
#
# A list of networks for a firewall or a router has three lines for one, with each list anew.
#
# Usage: findings/cidr-js-leaves-the-last-address-out-of-its-block.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund cidr-js@2.3.1

cat >blocks.js <<'JAVASCRIPT'
const assert = require('assert');
const CIDR = require('cidr-js');

const cidr = new CIDR();
const four = ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'];
assert.deepStrictEqual(cidr.list('10.0.0.0/30'), four);
for (const [addresses, sizes, blocks] of [
    [[...four, '10.0.1.0'], [4, 1], ['10.0.0.0/30', '10.0.1.0']],
    [four, [3, 1], ['10.0.0.0/31', '10.0.0.2/32', '10.0.0.3']],
    [four.slice(0, 2), [1, 1], ['10.0.0.0', '10.0.0.1']],
]) {
    const filtered = Object.values(cidr.filter([...addresses])).map((block) => block.length);
    const said = cidr.getBlocks([...addresses]);
    console.log(`${addresses.join(' ')}: blocks of ${filtered.join(' and ')}, ${said.join(' ')}`);
    assert.deepStrictEqual(filtered, sizes);
    assert.deepStrictEqual(said, blocks);
}
const given = [...four];
cidr.getBlocks(given);
console.log(`the list that was given: ${given.join(' ')}`);
assert.deepStrictEqual(given, [167772160, 167772161, 167772162, 167772163]);
JAVASCRIPT
node blocks.js
echo "as described"
