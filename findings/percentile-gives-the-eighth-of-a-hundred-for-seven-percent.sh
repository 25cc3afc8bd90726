#!/usr/bin/env bash
# percentile 1.6.0 (Node.js) gives the next greater value for some percentiles: 8 for the seventh of the numbers from 1 to 100.
#
# Expected: the 80th of the numbers from 1 to 10 is 8, and the 70th is 7 (README): the least value that at least so many in a hundred do not exceed,
# which of the numbers from 1 to 100 is p itself.
# Seen: 100 * (7 / 100) is a little more than 7 in floating point, and is rounded up. So are 14, 28, 55 and 56 of 100, and 99.9 in a hundred of 1,000
# values is the greatest one, 1000, instead of 999. Of the 999 percentiles with one digit of 1,000 values 135 are the wrong ones. stats-percentile
# 3.3.0, which multiplies first, is right with all.
#
# Usage: findings/percentile-gives-the-eighth-of-a-hundred-for-seven-percent.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund percentile@1.6.0 stats-percentile@3.3.0

cat >ranks.mjs <<'JAVASCRIPT'
import assert from 'assert';
import percentile from 'percentile';
import stats from 'stats-percentile';

const numbers = (count) => Array.from({ length: count }, (_, index) => index + 1);
const hundred = numbers(100);
const wrong = hundred.filter((p) => percentile(p, hundred) !== p);
console.log(`of 1 to 100: ${wrong.map((p) => `${p} in a hundred is ${percentile(p, hundred)}`).join(', ')}`);
assert.deepStrictEqual(wrong, [7, 14, 28, 55, 56]);
assert.ok(wrong.every((p) => percentile(p, hundred) === p + 1));

const thousand = numbers(1000);
const tenths = numbers(999).filter((tenth) => percentile(tenth / 10, thousand) !== tenth);
console.log(`of 1 to 1000: 99.9 in a hundred is ${percentile(99.9, thousand)}; ${tenths.length} of 999 are wrong`);
assert.deepStrictEqual([percentile(99.9, thousand), tenths.length], [1000, 135]);
assert.ok(hundred.every((p) => stats(hundred, p) === p) && stats(thousand, 99.9) === 999);
JAVASCRIPT
node ranks.mjs
echo "as described"
