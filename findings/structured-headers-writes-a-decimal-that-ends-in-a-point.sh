#!/usr/bin/env bash
# structured-headers 2.1.0 (Node.js) writes a decimal that is almost whole with nothing behind its point, which is no decimal.
#
# Expected: where the fraction is 0 behind rounding to three digits, the text is the whole part, a point and a 0 (RFC 9651 section
# 4.1.5); a point is never the last character (section 4.2.4: "parsing fails"). A half is rounded to the even digit.
# Seen: `serializeItem` makes `1.` of 1.0001, `0.` of 0.0004 and `100.` of 99.9999. The reader of the same library refuses each of
# them, and with it the whole field: a dictionary loses all its members. 0.0005 becomes 0.001; structured-field-values 2.0.4 writes
# `0.0` for it, as the RFC says.
#
# Of the shares, rates and times that a server computes, one in a thousand lies so near a whole number: its field is
# unreadable now and then, and never in a test.
#
# Usage: findings/structured-headers-writes-a-decimal-that-ends-in-a-point.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund structured-headers@2.1.0 structured-field-values@2.0.4

cat >decimals.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { parseDictionary, parseItem, serializeDictionary, serializeItem } from 'structured-headers';
import { encodeItem } from 'structured-field-values';

for (const [value, written, right] of [
    [1.25, '1.25', '1.25'],
    [1.001, '1.001', '1.001'],
    [1.0001, '1.', '1.0'],
    [0.0004, '0.', '0.0'],
    [99.9999, '100.', '100.0'],
    [-2.0003, '-2.', '-2.0'],
    [0.0005, '0.001', '0.0'],
]) {
    const said = serializeItem([value, new Map()]);
    const by_other = encodeItem(value);
    console.log(`${value}: structured-headers writes ${said}, structured-field-values ${by_other}`);
    assert.deepStrictEqual([said, by_other], [written, right]);
    if (said.endsWith('.')) assert.throws(() => parseItem(said), /Decimal cannot end on a period/);
    else parseItem(said);
}
const field = serializeDictionary({ ok: true, rate: 0.99996 });
console.log(`a dictionary: ${field}`);
assert.strictEqual(field, 'ok, rate=1.');
assert.throws(() => parseDictionary(field), /Decimal cannot end on a period/);
JAVASCRIPT
node decimals.mjs
echo "as described"
