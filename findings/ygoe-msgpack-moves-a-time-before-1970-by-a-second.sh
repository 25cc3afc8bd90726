#!/usr/bin/env bash
# @ygoe/msgpack 1.0.3 (JavaScript) moves a time before 1970 by a second, and writes 0 for two to the 64th.
#
# Expected: its README: it "supports the complete MessagePack specification", "including date/time values". A timestamp of 96 bits is seconds as a
# signed number, and nanoseconds that are added and never negative; what no integer can hold is a float 64 (MessagePack specification,
# "Timestamp extension type", "Serialization: type to format conversion").
# Seen: of 1.5 s before 1970 it writes a second before and half a second added, which it reads as 0.5 s before, and so does @msgpack/msgpack 3.1.2.
# Whole seconds, and times in the last second before 1970 and behind it, are right. Of two to the 63rd it writes the least negative number, of two
# to the 64th 0, and of 1e20 and 1e300 both the greatest integer. Fractions and whatever lies below two to the 53rd are right.
#
# A date of birth with a fraction, or a total in small units of a currency, is another one on the other side.
#
# Usage: findings/ygoe-msgpack-moves-a-time-before-1970-by-a-second.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @ygoe/msgpack@1.0.3 @msgpack/msgpack@3.1.2

cat >values.js <<'JAVASCRIPT'
const assert = require('assert');
const msgpack = require('@msgpack/msgpack');
const ygoe = require('@ygoe/msgpack');

for (const [milliseconds, seen] of [
    [1500, 1500],
    [-1000, -1000],
    [-1, -1],
    [-1500, -500],
    [-86400500, -86399500],
]) {
    const written = ygoe.serialize(new Date(milliseconds));
    const said = [ygoe.deserialize(written), msgpack.decode(written)].map((date) => date.getTime());
    console.log(`${milliseconds} ms: written ${Buffer.from(written).toString('hex')}, read ${said.join(' and ')}`);
    assert.deepStrictEqual(said, [seen, seen]);
    assert.strictEqual(msgpack.decode(msgpack.encode(new Date(milliseconds))).getTime(), milliseconds);
}
const greatest = 2 ** 64;
for (const [value, seen] of [
    [2 ** 53 - 1, 2 ** 53 - 1],
    [-(2 ** 53 - 1), -(2 ** 53 - 1)],
    [1e-300, 1e-300],
    [2 ** 63, -(2 ** 63)],
    [2 ** 64, 0],
    [1e20, greatest],
    [1e300, greatest],
]) {
    const said = ygoe.deserialize(ygoe.serialize(value));
    console.log(`${value}: read ${said}`);
    assert.strictEqual(said, seen);
    assert.strictEqual(msgpack.decode(msgpack.encode(value)), value);
}
JAVASCRIPT
node values.js
echo "as described"
