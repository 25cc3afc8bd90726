#!/usr/bin/env bash
# envfile 7.1.0 (Node.js) reads another value than was written, in files of settings (.env).
#
# Expected: "Parse and stringify the environment configuration files and format, also known as .env files and dotenv files" (README): a value
# comes back as it went in; the format of dotenv, which it names, takes quotes away at both ends, keeps those inside, allows
# several lines within quotes, and has `export` before a name (README of dotenv).
# Seen: `parse` takes away each quote of a value, wherever it stands: `{"a":1}` is read `{a:1}`, `it's` is read `its`. A value of
# several lines ends at the first one, and the rest of it is read as further names. `export A=1` sets "export A". `stringify`
# writes values as they are, so what it writes is not what `parse`, dotenv or a shell reads. dotenv 17.2.3 reads all
# of the lines below as they are meant.
#
# Usage: findings/envfile-drops-quotes-inside-a-value.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund envfile@7.1.0 dotenv@17.2.3

cat >settings.js <<'JAVASCRIPT'
const assert = require('assert');
const dotenv = require('dotenv');
const envfile = require('envfile');

for (const [text, expected, right] of [
    ['A=plain', { A: 'plain' }, { A: 'plain' }],
    ['A="two words"', { A: 'two words' }, { A: 'two words' }],
    [`A={"a":1}`, { A: '{a:1}' }, { A: '{"a":1}' }],
    [`A="it's"`, { A: 'its' }, { A: "it's" }],
    ['export A=1', { 'export A': '1' }, { A: '1' }],
    ['A="first\nB=second"', { A: 'first', B: 'second' }, { A: 'first\nB=second' }],
]) {
    const read = envfile.parse(text);
    console.log(`${JSON.stringify(text)}: ${JSON.stringify(read)}, dotenv ${JSON.stringify(dotenv.parse(text))}`);
    assert.deepStrictEqual(read, expected);
    assert.deepStrictEqual({ ...dotenv.parse(text) }, right);
}
for (const [value, expected] of [['plain', 'plain'], ['{"a":1}', '{a:1}'], ['first\nsecond', 'first'], [' blank', 'blank']]) {
    const back = envfile.parse(envfile.stringify({ A: value })).A;
    console.log(`${JSON.stringify(value)} comes back as ${JSON.stringify(back)}`);
    assert.strictEqual(back, expected);
}
JAVASCRIPT
node settings.js
echo "as described"
