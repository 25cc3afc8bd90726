#!/usr/bin/env bash
# hpack 1.0.0 (Node.js) reads the same value in two ways: with the Huffman code as UTF-8, without it with its eighth bits cut off.
#
# Expected: a string is a sequence of octets, and the Huffman code is another form of the same octets (RFC 7541 section 5.2); whether a peer
# uses it says nothing of the value.
# Seen: of the UTF-8 octets of `café` the reader makes `café` from the Huffman code, and `cafC)` from the plain form: 0xc3 becomes `C`, 0xa9 `)`.
# The writer puts one octet, 0xe9, for `é` into the plain form, of which its own reader makes `cafi`. hpack 4.2.0 (Python) reads both
# forms of it alike. ASCII is right.
#
# A peer chooses the shorter form for each value, so that the same file name arrives right or wrong by the letters beside it.
#
# Usage: findings/hpack-of-node-reads-a-value-in-two-ways.sh
# Needs Node.js 20, npm with its registry, python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund hpack@1.0.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check hpack==4.2.0

cat >forms.py <<'PYTHON'
from hpack import Decoder, Encoder

field = [(b"x-name", "café".encode())]
for huffman in (True, False):
    block = Encoder().encode(field, huffman=huffman)
    assert Decoder().decode(block, raw=True)[0] == field[0]
    print(block.hex())
PYTHON
python/bin/python forms.py >forms

cat >forms.js <<'JAVASCRIPT'
const assert = require('assert');
const fs = require('fs');
const Hpack = require('hpack');

const [huffman, plain] = fs.readFileSync('forms', 'utf8').trim().split('\n').map((block) => Buffer.from(block, 'hex'));
for (const [name, block, value] of [['Huffman', huffman, 'café'], ['plain', plain, 'cafC)']]) {
    const [[, said]] = new Hpack().decode(block);
    console.log(`${name}: ${said}`);
    assert.strictEqual(said, value);
}
const writer = new Hpack();
writer.useHuffman(0);
const written = writer.encode([['x', 'café']]);
const [[, again]] = new Hpack().decode(written);
console.log(`its own plain form: ${written.toString('hex')}, read as ${again}`);
assert.strictEqual(written.toString('hex'), '40017804636166e9');
assert.strictEqual(again, 'cafi');
JAVASCRIPT
node --no-deprecation forms.js
echo "as described"
