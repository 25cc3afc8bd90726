#!/usr/bin/env bash
# ndjson-readablestream 1.4.0 (Node.js) makes two values of a number that comes in two parts, and loses the rest of the stream if the second part is
# no value.
#
# Expected: each line is a JSON value, which ends at its line feed (NDJSON, specification); a stream may be cut anywhere.
# Seen: a value is given as soon as what came so far can be read as one. `12` and `34\n` are 12 and 34; `-1` and `.5\n` are -1, and the `.5` is kept,
# errors are swallowed, and each later line is put behind it: nothing else is ever given. `true`, texts and objects are whole. it-ndjson 2.0.0 gives
# 1234 and -1.5.
#
# Usage: findings/ndjson-readablestream-makes-two-numbers-of-one.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ndjson-readablestream@1.4.0 it-ndjson@2.0.0

cat >values.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { parse } from 'it-ndjson';
import read from 'ndjson-readablestream';

const encoded = (parts) => parts.map((part) => new TextEncoder().encode(part));
async function all(values) {
    const given = [];
    for await (const value of values) given.push(value);
    return given;
}
const stream = (parts) => new ReadableStream({
    start(controller) {
        for (const part of encoded(parts)) controller.enqueue(part);
        controller.close();
    },
});

for (const [parts, seen, right] of [
    [['1234\n', '"a"\n'], [1234, 'a'], [1234, 'a']],
    [['{"a":12', '34}\n', '"a"\n'], [{ a: 1234 }, 'a'], [{ a: 1234 }, 'a']],
    [['12', '34\n"a"\n'], [12, 34, 'a'], [1234, 'a']],
    [['-1', '.5\n"a"\n', '{"b":2}\n'], [-1], [-1.5, 'a', { b: 2 }]],
]) {
    const said = [await all(read(stream(parts))), await all(parse(encoded(parts)))];
    console.log(`${JSON.stringify(parts)}: ${JSON.stringify(said[0])}; it-ndjson ${JSON.stringify(said[1])}`);
    assert.deepStrictEqual(said, [seen, right]);
}
JAVASCRIPT
node values.mjs
echo "as described"
