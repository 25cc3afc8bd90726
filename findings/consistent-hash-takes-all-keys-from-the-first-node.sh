#!/usr/bin/env bash
# consistent-hash 1.2.2 (Node.js): a node that is added to a uniform ring in use takes the places of another one, which gets no key any more,
# and a node that is added behind a removal is a TypeError.
#
# Expected: "Freed control points may get allocated to newly added nodes" (README), with `distribution: 'uniform'` the control points are
# "reproducibly" placed, "the node's share of the resources will be proportionate to its weight", and all have the same weight here.
# Seen: with 'uniform' a node that comes after the first `get` is given the same 40 places as the first one. With two nodes, the second
# has all keys, and the first none. Of five nodes one is removed and another one added: the new one has two fifths of the keys, and one
# that was there before has none. With the default distribution `remove` and then `add`, without a `get` between them, is "Cannot read
# properties of null". Nodes that are all added at first share well.
#
# A balancer that replaces a machine that failed throws, or puts another one out of work.
#
# Usage: findings/consistent-hash-takes-all-keys-from-the-first-node.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund consistent-hash@1.2.2

cat >shares.js <<'JAVASCRIPT'
const assert = require('assert');
const ConsistentHash = require('consistent-hash');

function shares(ring) {
    const counts = {};
    for (let number = 0; number < 50000; number++) {
        const node = ring.get(`key ${number}`);
        counts[node] = (counts[node] || 0) + 1;
    }
    return Object.fromEntries(Object.entries(counts).sort().map(([node, count]) => [node, Math.round(count / 500)]));
}

const uniform = (nodes) => nodes.reduce((ring, node) => ring.add(node), new ConsistentHash({ distribution: 'uniform' }));
function seen(name, said, expected) {
    console.log(`${name}: ${JSON.stringify(said)}`);
    assert.deepStrictEqual(said, expected);
}
seen('two nodes added at once, percent', shares(uniform(['a', 'b'])), { a: 50, b: 50 });
let ring = uniform(['a']);
ring.get('key');
seen('the second one added behind a get', shares(ring.add('b')), { b: 100 });

ring = uniform(['a', 'b', 'c', 'd', 'e']);
seen('five nodes', shares(ring), { a: 20, b: 20, c: 20, d: 20, e: 20 });
ring.remove('b').get('key');
seen('one of them replaced', shares(ring.add('f')), { a: 20, d: 20, e: 20, f: 40 });

ring = new ConsistentHash().add('a').add('b').remove('a');
assert.throws(() => ring.add('c'), TypeError);
console.log('add behind remove: TypeError');
JAVASCRIPT
node shares.js
echo "as described"
