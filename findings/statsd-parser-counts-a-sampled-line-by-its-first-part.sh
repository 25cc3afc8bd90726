#!/usr/bin/env bash
# statsd-parser 0.0.4 (Node.js), a parser of streams, gives a line whose second part has not come yet, without its sample rate; its `end` fails.
#
# Expected: "a streaming parser for the statsd protocol" (README): lines end with a line feed, and where a stream is cut says nothing. `hits:1|c|@0.1`
# stands for ten hits (statsd, metric types).
# Seen: if `hits:1|c` and `|@0.1` come one after another, it gives one hit without a rate, and an error for the rest; cut behind `@0.`, it gives the
# rate `0.` and an error for `5`. A server that reads from TCP counts a tenth where a segment ends. `end` of the parser calls itself: RangeError.
#
# Usage: findings/statsd-parser-counts-a-sampled-line-by-its-first-part.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund statsd-parser@0.0.4

cat >lines.js <<'JAVASCRIPT'
const assert = require('assert');
const { parser: make } = require('statsd-parser');

function read(...parts) {
    const parser = make();
    const given = [];
    parser.onstat = (text, stat) => given.push(`${stat.stat} ${stat.value} at ${stat.sample_rate || 1}`);
    parser.onerror = (error) => given.push(`error of ${/`(.*)`/.exec(error.message)[1]}`);
    for (const part of parts) parser.resume().write(part);
    return given;
}

for (const [parts, seen] of [
    [['hits:1|c|@0.1\n'], ['hits 1 at 0.1']],
    [['hits:1|', 'c|@0.1\n'], ['hits 1 at 0.1']],
    [['hits:1|c', '|@0.1\n'], ['hits 1 at 1', 'error of |@0.1']],
    [['hits:1|c|@0.', '5\n'], ['hits 1 at 0.', 'error of 5']],
]) {
    const given = read(...parts);
    console.log(`${JSON.stringify(parts)}: ${given.join(', ')}`);
    assert.deepStrictEqual(given, seen);
}
assert.throws(() => make().end(), RangeError);
console.log('end: RangeError');
JAVASCRIPT
node lines.js
echo "as described"
