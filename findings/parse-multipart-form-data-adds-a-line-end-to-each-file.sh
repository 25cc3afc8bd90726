#!/usr/bin/env bash
# parse-multipart-form-data 1.0.0 (Node.js) adds a line end to each file and a quote to its name, and loses a file that begins with a line end.
#
# Expected: "the CRLF preceding the boundary delimiter line is conceptually attached to the boundary", and is not part of the body (RFC 2046 section
# 5.1.1); the name of a file is the value inside of the quotes (RFC 7578 section 4.2, RFC 2183).
# Seen: of the five octets `hello` the `data` has seven, with CR LF at the end, and of `filename="a.txt"` the name is `a.txt"`: the first
# quote is taken off, the last is not. A file whose first octet is a line feed has no data at all. The media type is right.
#
# No file that is kept has the length and the checksum that it had, and its ending is `txt"`.
#
# Usage: findings/parse-multipart-form-data-adds-a-line-end-to-each-file.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund parse-multipart-form-data@1.0.0

cat >files.js <<'JAVASCRIPT'
const assert = require('assert');
const { extractBoundary, parse } = require('parse-multipart-form-data');

(async () => {
    for (const [content, seen] of [['hello', 'hello\r\n'], ['two\r\nlines', 'two\r\nlines\r\n'], ['\nhello', '']]) {
        const form = new FormData();
        form.append('file', new Blob([content], { type: 'text/plain' }), 'a.txt');
        const request = new Request('http://localhost/', { method: 'POST', body: form });
        const field = request.headers.get('content-type');
        const body = Buffer.from(await request.clone().arrayBuffer());
        const [{ filename, type, data }] = parse(body, extractBoundary(field));
        const right = (await request.formData()).get('file');
        console.log(`sent ${JSON.stringify(content)} as a.txt, read ${JSON.stringify(String(data))} as ${filename}`);
        assert.deepStrictEqual([await right.text(), right.name, right.type], [content, 'a.txt', 'text/plain']);
        assert.deepStrictEqual([String(data), filename, type], [seen, 'a.txt"', 'text/plain']);
    }
})();
JAVASCRIPT
node --no-warnings files.js
echo "as described"
