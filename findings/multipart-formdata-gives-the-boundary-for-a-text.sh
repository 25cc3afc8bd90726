#!/usr/bin/env bash
# multipart-formdata 1.1.0 (Node.js) gives the boundary for the data of a text field, and divides a text of two lines between two properties.
#
# Expected: its README: "a multipart/form-data parser", which returns a `data` that "is a Buffer" for each part. The value of a field is the body of
# its part, up to the line break before the boundary, whatever lines it has (RFC 7578 section 4, RFC 2046 section 5.1.1).
# Seen: the `data` of a field whose value is `hello` is `------WebKitFormBoundaryDtbT5UpPj83kl`, the begin of the line that ends the part;
# `hello` is in `field`. Of `first` and `second` on two lines, `field` is `first` and `data` is `second`. Of a file with a
# Content-Transfer-Encoding, `field` is this line, and an empty line stands before the bytes. A plain file is read rightly.
#
# A comment of a form arrives without its first line, and a name as a row of hyphens.
#
# Usage: findings/multipart-formdata-gives-the-boundary-for-a-text.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund multipart-formdata@1.1.0

cat >parts.js <<'JAVASCRIPT'
const assert = require('assert');
const { parse } = require('multipart-formdata');

const boundary = '----WebKitFormBoundaryDtbT5UpPj83kllfw';
/** What is said of a part with these header fields and this body. */
function part(fields, body) {
    const lines = [`--${boundary}`, ...fields, '', body, `--${boundary}--`, ''];
    const [{ field, data }] = parse(Buffer.from(lines.join('\r\n')), boundary);
    return { field, data: String(data) };
}
const text = ['Content-Disposition: form-data; name="text"'];
const file = ['Content-Disposition: form-data; name="file"; filename="a.txt"', 'Content-Type: text/plain'];
const encoded = [...file, 'Content-Transfer-Encoding: binary'];
for (const [name, fields, body, seen] of [
    ['file', file, 'first\r\nsecond', { field: '', data: 'first\r\nsecond' }],
    ['text', text, 'hello', { field: 'hello', data: '------WebKitFormBoundaryDtbT5UpPj83kl' }],
    ['text of two lines', text, 'first\r\nsecond', { field: 'first', data: 'second' }],
    ['file with an encoding', encoded, 'hello', { field: 'Content-Transfer-Encoding: binary', data: '\r\nhello' }],
]) {
    const said = part(fields, body);
    console.log(`${name} ${JSON.stringify(body)}: ${JSON.stringify(said)}`);
    assert.deepStrictEqual(said, seen);
}
JAVASCRIPT
node --no-deprecation parts.js
echo "as described"
