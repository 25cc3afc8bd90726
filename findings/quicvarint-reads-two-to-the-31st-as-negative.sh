#!/usr/bin/env bash
# quicvarint 0.1.4 (Node.js) reads integers from 2,147,483,648 on as negative or other numbers, without an error.
#
# Expected: integers up to 2**62 - 1 (RFC 9000 section 16), or an error: `decode` says "Cannot decode number greater than 2147483647".
# Seen: `decode` looks at the upper four of eight bytes alone: of 2**31 it makes -2147483648, of 2**32 - 1 -1. `read` looks at
# nothing: of the example of RFC 9000 section A.1, c2197c5eff14e88c, which is 151288809941952652, it makes -15406964, of 2**32 it makes 0.
# Integers up to 2**31 - 1 are right, and 2**32 is an error with `decode`.
#
# Lengths and offsets of large streams, and the error codes and settings that are random on purpose, come out as small or negative ones.
#
# Usage: findings/quicvarint-reads-two-to-the-31st-as-negative.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund quicvarint@0.1.4

cat >integers.js <<'JAVASCRIPT'
const assert = require('assert');
const { decode, read } = require('quicvarint');

const tried = (reading) => { try { return reading().value; } catch (error) { return error.message; } };
for (const [hex, value, decoded, taken] of [
    ['9d7f3e7d', 494878333, 494878333, 494878333],
    ['c00000007fffffff', 2 ** 31 - 1, 2147483647, 2147483647],
    ['c000000080000000', 2 ** 31, -2147483648, -2147483648],
    ['c0000000ffffffff', 2 ** 32 - 1, -1, -1],
    ['c000000100000000', 2 ** 32, 'Cannot decode number greater than 2147483647', 0],
    ['c2197c5eff14e88c', 151288809941952652n, 'Cannot decode number greater than 2147483647', -15406964],
]) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const said = [tried(() => decode(bytes)), tried(() => read(new DataView(bytes.buffer), 0))];
    console.log(`${hex}, ${value}: decode ${said[0]}, read ${said[1]}`);
    assert.deepStrictEqual(said, [decoded, taken]);
    const right = bytes.reduce((sum, byte, i) => sum * 256n + BigInt(i ? byte : byte & 63), 0n);
    assert.strictEqual(right, BigInt(value));
}
JAVASCRIPT
node integers.js
echo "as described"
