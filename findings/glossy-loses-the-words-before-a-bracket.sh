#!/usr/bin/env bash
# glossy 0.1.7 and its descendant @myndzi/glossy 0.1.13 (Node.js) lose the text of a syslog message up to its last bracket, and an element of the
# structured data, and say nothing of the facility and the severity of an emergency of the kernel.
#
# Expected: the structured data ends at the first bracket that is neither in quotes nor followed by another element, and what is behind it and
# a blank is the message; an element has any number of parameters, also none (RFC 5424 section 6.3). The priority 0 is facility 0, kernel
# messages, and severity 0, emergency (section 6.2.1). "Parse … according to RFC 5424" (README).
# Seen: of `[a@1 k="v"] one [two] three` the message is `three`; without structured data it is whole. `[a@1][b@2 k="v"]` is one element named
# `a@1][b@2`. With `<0>` the names and numbers of both are missing. That 0.1.7 writes 5 milliseconds as `.05` is known to its project since
# 2021.
#
# A line such as `worker [12] failed` arrives as `failed`, as soon as its sender adds an element.
#
# Usage: findings/glossy-loses-the-words-before-a-bracket.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund glossy@0.1.7 @myndzi/glossy@0.1.13

cat >messages.js <<'JAVASCRIPT'
const assert = require('assert');

for (const name of ['glossy', '@myndzi/glossy']) {
    const parse = (text) => {
        let parsed;
        require(name).Parse.parse(text, (said) => { parsed = said; });
        return parsed;
    };
    for (const [data, message, elements, seen] of [
        ['-', 'one [two] three', [], 'one [two] three'],
        ['[a@1 k="v"]', 'one', ['a@1'], 'one'],
        ['[a@1 k="v"]', 'one [two] three', ['a@1'], 'three'],
        ['[a@1][b@2 k="v"]', 'one', ['a@1][b@2'], 'one'],
    ]) {
        const said = parse(`<13>1 2026-01-02T03:04:05Z host app 1 - ${data} ${message}`);
        const named = Object.keys(said.structuredData || {});
        console.log(`${name}, ${data} ${message}: elements ${named.join(' and ') || 'none'}, message ${said.message}`);
        assert.deepStrictEqual([named, said.message], [elements, seen]);
    }
    for (const [priority, facility, severity] of [[13, 'user', 'notice'], [8, 'user', 'emerg'], [0, undefined, undefined]]) {
        const said = parse(`<${priority}>1 2026-01-02T03:04:05Z host app 1 - - one`);
        console.log(`${name}, priority ${priority}: ${said.facility} ${said.severity}`);
        assert.deepStrictEqual([said.facility, said.severity], [facility, severity]);
    }
}
JAVASCRIPT
node messages.js
echo "as described"
