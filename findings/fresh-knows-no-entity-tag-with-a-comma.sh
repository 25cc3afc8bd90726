#!/usr/bin/env bash
# fresh 2.0.0 (Node.js, below Express) cuts an entity tag with a comma in two, and does not see a `No-Cache` with capitals.
#
# Expected: `etagc = %x21 / %x23-7E / obs-text`, so a comma is a character of a tag (RFC 9110 section 8.8.3), and If-None-Match is a list of
# tags (section 13.1.2). Directives of Cache-Control have no case (RFC 9111 section 5.2); the README says that the answer is false where
# a client asks for an end-to-end reload with `no-cache`.
# Seen: for the tag `"a,b"` a request with `If-None-Match: "a,b"` is never fresh: Express 5.3.0 answers it whole each time, with 200. With
# `Cache-Control: No-Cache` an answer is fresh, and Express says 304; with `no-cache` it does not. Lists and weak tags are read well.
#
# Tags are made of versions and lists of parts by some origins: what has such a tag is loaded again each time.
#
# Usage: findings/fresh-knows-no-entity-tag-with-a-comma.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "overrides": { "fresh": "2.0.0" } }' >package.json
npm install --silent --no-audit --no-fund fresh@2.0.0 express@5.3.0

cat >tags.js <<'JAVASCRIPT'
const assert = require('assert');
const express = require('express');
const fresh = require('fresh');
const http = require('http');

const app = express();
let tag;
app.get('/', (request, response) => response.set('ETag', tag).send('neutral'));
const server = app.listen(0, '127.0.0.1', async () => {
    for (const [asked, answered, directive, is_fresh] of [
        ['"a"', '"a"', 'max-age=60', true],
        ['"x", W/"a"', '"a"', 'max-age=60', true],
        ['"x"', '"a"', 'max-age=60', false],
        ['"a,b"', '"a,b"', 'max-age=60', false],
        ['"x", "a,b"', '"a,b"', 'max-age=60', false],
        ['"a"', '"a"', 'no-cache', false],
        ['"a"', '"a"', 'No-Cache', true],
    ]) {
        tag = answered;
        const headers = { 'if-none-match': asked, 'cache-control': directive };
        const said = fresh(headers, { etag: answered });
        const status = await new Promise((done) => http.get({ port: server.address().port, host: '127.0.0.1', headers }, (response) => {
            response.resume();
            done(response.statusCode);
        }));
        console.log(`If-None-Match ${asked}, ${directive}; tag ${answered}: fresh ${said}, Express ${status}`);
        assert.deepStrictEqual([said, status], [is_fresh, is_fresh ? 304 : 200]);
    }
    process.exit(0);
});
JAVASCRIPT
node tags.js
echo "as described"
