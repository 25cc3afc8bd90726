#!/usr/bin/env bash
# Two hash rings for Node.js lose their balance, or keys, when a server is named again:
#
#   consistent-hashing 0.3.0 gives half of all keys to one of five servers, which was added four times in all.
#   node-hashring 1.0.2 has `undefined` for the server of a quarter of all keys, of a list of two servers that names one twice.
#
# Expected: a ring gives each key to one of its servers, and each server has about its share. node-hashring takes a second name out of its list of
# `nodes`; consistent-hashing has `addNode`, without a word of a server that is known (README).
# Seen: as above. The first one puts the points of the server into its list again, but searches only as far as there are different points; all keys
# behind belong to the server at that place. The second one leaves room for the points of the second name, and what is searched there is empty.
# Without a second name both rings are even within a quarter of a share, and remain so when a server is removed and added again.
#
# A server that restarts is told of again by discovery, and lists of addresses may have one twice. The requests then fail, or most go to one server.
#
# Usage: findings/two-hash-rings-of-node-do-not-bear-a-server-that-is-named-twice.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund consistent-hashing@0.3.0 node-hashring@1.0.2

cat >rings.js <<'JAVASCRIPT'
const assert = require('assert');
const ConsistentHashing = require('consistent-hashing');
const HashRing = require('node-hashring');

const keys = Array.from({ length: 10000 }, (_, index) => `key${index}`);
function shares(what, find) {
    const counts = {};
    for (const key of keys) counts[find(key)] = (counts[find(key)] ?? 0) + 1;
    console.log(what, counts);
    return counts;
}
const isEven = (counts, servers) => servers.every((server) => Math.abs(counts[server] * servers.length / keys.length - 1) < 0.25);

const five = ['a', 'b', 'c', 'd', 'e'];
const first = new ConsistentHashing(five);
const once = shares('consistent-hashing, each once:', (key) => first.getNode(key));
assert.ok(isEven(once, five));
first.removeNode('e');
first.addNode('e');
assert.deepStrictEqual(shares('consistent-hashing, removed and added:', (key) => first.getNode(key)), once);
for (let times = 0; times < 3; times++) first.addNode('e');
const again = shares('consistent-hashing, added three times more:', (key) => first.getNode(key));
assert.ok(again.e > 5000 && again.e < 5600);

const second = new HashRing(['a', 'b']);
const two = shares('node-hashring, each once:', (key) => second.findNode(key));
assert.ok(isEven(two, ['a', 'b']));
const twice = new HashRing(['a', 'b', 'b']);
assert.deepStrictEqual(twice.nodes, ['a', 'b']);
const lost = shares('node-hashring, one of two twice:', (key) => twice.findNode(key));
assert.ok(lost.undefined > 2000 && lost.undefined < 3000);
second.removeNode('b');
second.addNode('b');
assert.deepStrictEqual(shares('node-hashring, removed and added:', (key) => second.findNode(key)), two);
JAVASCRIPT
node rings.js
echo "as described"
