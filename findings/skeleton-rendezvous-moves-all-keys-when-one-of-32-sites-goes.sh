#!/usr/bin/env bash
# skeleton-rendezvous 1.1.3 (Node.js) gives nearly all keys to other sites when one of 32 or 48 sites is removed or added.
#
# Expected: "fast rendezvous (HRW) hashing" that "can efficiently handle a large number of machines/sites" (README). With rendezvous
# hashing the keys of the site that goes move, and no others: one in n ("A Name-Based Mapping Scheme for Rendezvous").
# Seen: of 32 sites one is removed, and 97 of 100 keys have another site; adding it again moves them back. Of 31 it moves 3 of 100, as it
# should. Of 48 it is 98 of 100. The sites are divided anew into clusters of 16 in the order of their names at each change, and a last
# cluster with less than 16 is dissolved among the others.
#
# A cache over 32 machines is empty when one of them fails, and so is each session that is kept by its key.
#
# Usage: findings/skeleton-rendezvous-moves-all-keys-when-one-of-32-sites-goes.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund skeleton-rendezvous@1.1.3

cat >moved.js <<'JAVASCRIPT'
const assert = require('assert');
const Hasher = require('skeleton-rendezvous');

const keys = Array.from({ length: 10000 }, (_, number) => `key ${number}`);
for (const [count, seen] of [[16, 6], [31, 3], [32, 97], [48, 98]]) {
    const sites = Array.from({ length: count }, (_, number) => `192.0.2.${number + 1}`);
    const hasher = new Hasher({ sites });
    const before = keys.map((key) => hasher.findSite(key));
    const moved = () => Math.round(keys.filter((key, at) => hasher.findSite(key) !== before[at]).length / 100);
    hasher.removeSites([sites[5]]);
    const away = moved();
    hasher.addSites([sites[5]]);
    console.log(`one of ${count} sites removed: ${away} of 100 keys move, right is ${Math.round(100 / count)}; added again: ${moved()}`);
    assert.deepStrictEqual([away, moved()], [seen, 0]);
}
JAVASCRIPT
node moved.js
echo "as described"
