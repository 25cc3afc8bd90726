#!/usr/bin/env bash
# simple-backoff 1.1.0 (Node.js) makes ten seconds of each longer wait of a sequence that is given, and takes no other limit.
#
# Expected: its README of `FixedBackoff`: `sequence` "specifies the values to produce in sequence", and "`min` and `max` are invalid since the
# sequence is explicit".
# Seen: of 1 s, 5 s, 30 s, 60 s and 300 s it produces 1 s, 5 s, and then 10 s for ever: the `max` of the other kinds, 10000 if it is not
# given, holds here too. A `max` of 300000 is refused with an error. A sequence whose values are all below ten seconds comes as it was given,
# and `LinearBackoff` with this `max` goes to 300 s.
#
# A client that is to leave a server alone for five minutes asks it 30 times in them.
#
# Usage: findings/simple-backoff-cuts-a-given-sequence-at-ten-seconds.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund simple-backoff@1.1.0

cat >waits.js <<'JAVASCRIPT'
const assert = require('assert');
const { FixedBackoff, LinearBackoff } = require('simple-backoff');

const next = (backoff, count) => Array.from({ length: count }, () => backoff.next());
const short = [100, 300, 5000];
const long = [1000, 5000, 30000, 60000, 300000];
for (const [sequence, seen] of [[short, short], [long, [1000, 5000, 10000, 10000, 10000]]]) {
    const said = next(new FixedBackoff({ sequence }), sequence.length);
    console.log(`given ${sequence.join(' ')}, said ${said.join(' ')}`);
    assert.deepStrictEqual(said, seen);
}
assert.throws(() => new FixedBackoff({ sequence: long, max: 300000 }), /`max` is invalid/);
assert.deepStrictEqual(next(new LinearBackoff({ min: 100000, step: 100000, max: 300000 }), 4), [100000, 200000, 300000, 300000]);
JAVASCRIPT
node waits.js
echo "as described"
