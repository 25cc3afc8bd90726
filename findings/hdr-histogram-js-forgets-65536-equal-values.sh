#!/usr/bin/env bash
# hdr-histogram-js 3.0.1 (Node.js): with buckets of 8 or 16 bits, a count that reaches 256 or 65,536 begins anew at 0, and the
# percentiles are those of what is left.
#
# Expected: `bitBucketSize` "may be 8, 16, 32, 64 or 'packed'" (README) chooses how much memory a bucket takes, and a count that does not
# fit is an error, as in the library that this one is a port of (Java's ShortCountsHistogram throws "would overflow
# short integer count").
# Seen: of 65,536 values of 10 and 40,000 of 20, `totalCount` is 105,536, the value at 10 % is 20, and the median is 0, which is
# below all of them; with 65,535 of 10 both are 10. `recordValue` says nothing. Encoding writes the counts that are left:
# decoded there are 40,000 values. 64 bits and 'packed' count right.
#
# A load test of a minute has so many answers of one millisecond: its percentiles are then made of the slow ones, or are 0.
#
# Usage: findings/hdr-histogram-js-forgets-65536-equal-values.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund hdr-histogram-js@3.0.1

cat >count.js <<'JAVASCRIPT'
const assert = require('assert');
const hdr = require('hdr-histogram-js');

/** What a histogram says of so many values of 10 and of 20: count, value at 10 %, median, and count when it is decoded. */
function seen(bitBucketSize, tens, twenties) {
    const histogram = hdr.build({ bitBucketSize, highestTrackableValue: 60000, numberOfSignificantValueDigits: 3 });
    for (let made = 0; made < tens; made += 1) histogram.recordValue(10);
    for (let made = 0; made < twenties; made += 1) histogram.recordValue(20);
    const decoded = hdr.decodeFromCompressedBase64(hdr.encodeIntoCompressedBase64(histogram));
    return [histogram.totalCount, histogram.getValueAtPercentile(10), histogram.getValueAtPercentile(50), decoded.totalCount];
}

for (const [bits, tens, twenties, expected] of [
    [8, 255, 100, [355, 10, 10, 355]],
    [8, 256, 100, [356, 20, 0, 100]],
    [16, 65535, 40000, [105535, 10, 10, 105535]],
    [16, 65536, 40000, [105536, 20, 0, 40000]],
    [64, 65536, 40000, [105536, 10, 10, 105536]],
    ['packed', 65536, 40000, [105536, 10, 10, 105536]],
]) {
    const said = seen(bits, tens, twenties);
    console.log(`${bits}: ${tens} of 10, ${twenties} of 20: count ${said[0]}, at 10 % ${said[1]}, median ${said[2]}; decoded ${said[3]}`);
    assert.deepStrictEqual(said, expected);
}
JAVASCRIPT
node count.js
echo "as described"
