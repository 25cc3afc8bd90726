#!/usr/bin/env bash
# fastcgi-stream 1.0.0 (Node.js) writes a record of more than 65,535 bytes with the length modulo 65,536, and all of the bytes.
#
# Expected: a record has at most 65,535 bytes, since its length is two bytes; what is longer takes more records of the same
# stream, or is an error (FastCGI specification, section 3.3: "Between 0 and 65535 bytes of data").
# Seen: `writeRecord` of an StdOut record with 70,000 bytes says a length of 4,464 and sends 70,000: whoever reads takes the
# rest for the headers of further records. One of 65,536 says 0, which ends the stream. With 65,535 all is well. No error.
# The same holds for StdIn, StdErr, Data and Params.
#
# A page is whole while it is small, and from 64 KiB on the connection to the server is unusable.
#
# Usage: findings/fastcgi-stream-says-4464-for-a-body-of-70000.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund fastcgi-stream@1.0.0

cat >write.js <<'JAVASCRIPT'
const assert = require('assert');
const fastcgi = require('fastcgi-stream');

for (const kind of ['StdOut', 'StdIn', 'Data']) {
    for (const [size, said] of [[100, 100], [65535, 65535], [65536, 0], [70000, 4464]]) {
        let written;
        const socket = { on() {}, write: (bytes) => { written = bytes; } };
        new fastcgi.FastCGIStream(socket).writeRecord(1, new fastcgi.records[kind](Buffer.alloc(size, 'x')));
        const content = written.subarray(8, 8 + size).filter((byte) => byte === 120).length;
        console.log(`${kind} of ${size} bytes: the header says ${written.readUInt16BE(4)}, ${content} follow`);
        assert.deepStrictEqual([written.readUInt16BE(4), content], [said, size]);
    }
}
JAVASCRIPT
node --no-deprecation write.js
echo "as described"
