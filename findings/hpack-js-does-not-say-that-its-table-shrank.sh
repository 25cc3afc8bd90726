#!/usr/bin/env bash
# hpack.js 2.1.6 (Node.js, below spdy) does not signal that the table of its encoder became smaller, and a decoder that asked for it gives up.
#
# Expected: "A change in the maximum size of the dynamic table is signaled via a dynamic table size update", which "MUST occur at the
# beginning of the first header block following the change" (RFC 7541 section 4.2).
# Seen: behind `updateTableSize(1024)` and `updateTableSize(0)` the next block begins with its first field: the update is written
# only if the size is that of the start or more. hpack 4.2.0 of Python, whose table was made smaller
# as its SETTINGS said, refuses these blocks, and reads those of hpack 1.0.0 of Node.js, which begin with the update.
#
# A peer that saves memory with SETTINGS_HEADER_TABLE_SIZE ends the connection with COMPRESSION_ERROR at the second request.
#
# Usage: findings/hpack-js-does-not-say-that-its-table-shrank.sh
# Needs Node.js 20, npm and python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund hpack.js@2.1.6 hpack@1.0.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check hpack==4.2.0

cat >blocks.js <<'JAVASCRIPT'
const { compressor } = require('hpack.js');
const Other = require('hpack');
const lines = [];
for (const sizes of [[], [4096], [1024], [0]]) {
    const one = compressor.create({ table: { maxSize: 4096 } });
    const other = new Other();
    const block = () => {
        one.write([{ name: 'a', value: 'b' }]);
        const parts = [];
        for (let part = one.read(); part !== null; part = one.read()) parts.push(part);
        return [Buffer.concat(parts), other.encode([['a', 'b']])].map((bytes) => bytes.toString('hex'));
    };
    const first = block();
    for (const size of sizes) {
        one.updateTableSize(size);
        other.setTableSize(size);
    }
    const second = block();
    lines.push({ sizes, 'hpack.js': [first[0], second[0]], hpack: [first[1], second[1]] });
}
console.log(JSON.stringify(lines));
JAVASCRIPT
node blocks.js >blocks.json
python/bin/python - <<'PYTHON'
import json

import hpack


def read(sizes, blocks):
    """What a decoder says that has allowed this size between the two blocks."""
    decoder = hpack.Decoder()
    assert decoder.decode(bytes.fromhex(blocks[0])) == [("a", "b")]
    if sizes:
        decoder.max_allowed_table_size = sizes[0]
    try:
        return decoder.decode(bytes.fromhex(blocks[1])) == [("a", "b")]
    except hpack.HPACKError as error:
        return type(error).__name__


for line, seen in zip(json.load(open("blocks.json")), [True, True, "InvalidTableSizeError", "InvalidTableSizeError"]):
    said = read(line["sizes"], line["hpack.js"])
    print(f"sizes {line['sizes']}: hpack.js writes {line['hpack.js'][1]}, hpack {line['hpack'][1]}; read: {said}")
    assert said == seen, said
    assert read(line["sizes"], line["hpack"]) is True
PYTHON
echo "as described"
