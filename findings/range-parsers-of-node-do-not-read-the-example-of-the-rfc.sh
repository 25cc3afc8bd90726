#!/usr/bin/env bash
# Two parsers of Range for Node.js do not read the example that the RFC gives:
#
#   http-range 1.0.0: "Invalid input".
#   http-range-parse 1.0.0, and express-range 2.0.1 above it: the last 1,000 bytes become NaN to 1000.
#
# Expected: of `bytes= 0-999, 4500-5499, -1000` three ranges: "the first, middle, and last 1000 bytes" (RFC 9110 section 14.1.2, whose
# example it is); blanks may be around the commas of a list (section 5.6.1).
# Seen: as above. http-range refuses each field with a blank. http-range-parse takes `-1000` for a suffix only if no blank is before: of
# `bytes=0-999, -1000` the second range is `{ first: NaN, last: 1000 }`, of `bytes=0-999,-1000` it is `{ suffix: 1000 }`. @httpland/range-parser
# 1.2.0 reads all of them. header-range-parser 2.0.0 does too, but says -1, which is 416, to `bytes=-500` of 200 bytes, where "the entire
# representation is used".
#
# Usage: findings/range-parsers-of-node-do-not-read-the-example-of-the-rfc.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund http-range@1.0.0 http-range-parse@1.0.0 express-range@2.0.1 header-range-parser@2.0.0 \
    @httpland/range-parser@1.2.0

cat >ranges.mjs <<'JAVASCRIPT'
import assert from 'assert';
import http_range_parse from 'http-range-parse';
import http_range from 'http-range';
import express_range from 'express-range';
import { parseRange as header_range_parser } from 'header-range-parser';
import { parseRange as httpland } from '@httpland/range-parser';

const of_http_range = (field) => http_range.Range.prototype.parse(field).ranges.map((range) => [range.low, range.high]);
const example = 'bytes= 0-999, 4500-5499, -1000';
const right = [{ firstPos: 0, lastPos: 999 }, { firstPos: 4500, lastPos: 5499 }, { suffixLength: 1000 }];
assert.deepStrictEqual(JSON.parse(JSON.stringify(httpland(example).rangeSet)), right);
assert.deepStrictEqual(Array.from(header_range_parser(10000, example), ({ start, end }) => [start, end]), [[0, 999], [4500, 5499], [9000, 9999]]);

assert.throws(() => of_http_range(example), { message: 'Invalid input' });
assert.throws(() => of_http_range('bytes=0-999, -1000'), { message: 'Invalid input' });
assert.deepStrictEqual(of_http_range('bytes=0-999,-1000'), [[0, 999], [undefined, 1000]]);
console.log('http-range: refuses the example, and each blank');

const [, , last] = http_range_parse(example).ranges;
console.log('http-range-parse, the last of the example:', last);
assert.deepStrictEqual(last, { first: NaN, last: 1000 });
assert.deepStrictEqual(http_range_parse('bytes=0-999,-1000').ranges[1], { suffix: 1000 });

const request = { headers: { range: 'items=0-9, -10' } };
express_range({ accept: 'items' })(request, { setHeader() {}, status() {} }, () => {});
console.log('express-range, the last of items=0-9, -10:', request.range.ranges[1]);
assert.deepStrictEqual(request.range.ranges[1], { first: NaN, last: 10 });

const suffix = header_range_parser(200, 'bytes=-500', { throwError: false });
console.log(`header-range-parser, bytes=-500 of 200 bytes: ${suffix}`);
assert.strictEqual(suffix, -1);
assert.deepStrictEqual(Array.from(header_range_parser(200, 'bytes=0-499')), [{ start: 0, end: 199 }]);
JAVASCRIPT
node ranges.mjs
echo "as described"
