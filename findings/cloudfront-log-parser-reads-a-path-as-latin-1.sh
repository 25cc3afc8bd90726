#!/usr/bin/env bash
# cloudfront-log-parser 1.2.0 (Node.js) reads encoded letters of paths and agents as Latin-1, and gives two queries for the same.
#
# Expected: what stands for bytes of UTF-8 in an address are those bytes (RFC 3986 section 2.5), and a client that asks for `/café` sends
# `/caf%C3%A9`, which is what the field cs-uri-stem holds (Amazon CloudFront, "Standard logs"). A per cent sign that is data is written `%25`, and
# what was decoded must not be decoded again (RFC 3986 section 2.4).
# Seen: the path is `/cafÃ©`. `a=%2520`, whose value is `%20`, and `a=%20` are both given as `a= `. Blanks and ASCII are read well.
#
# Counts by path are those of addresses that nobody asked for.
#
# Usage: findings/cloudfront-log-parser-reads-a-path-as-latin-1.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund cloudfront-log-parser@1.2.0

cat >lines.js <<'JAVASCRIPT'
const assert = require('assert');
const Parser = require('cloudfront-log-parser');

function line(path, query) {
    const fields = ['2026-01-02', '03:04:05', 'FRA2', '100', '192.0.2.1', 'GET', 'd.example', path, '200', '-', 'agent', query];
    return `${[...fields, '-', 'Hit', 'id', 'example.org', 'https', '50', '0.001', '-', 'TLSv1.3', 'c', 'Hit', 'HTTP/2.0'].join('\t')}\n`;
}
for (const [path, query, seen_path, seen_query] of [
    ['/one%20two', 'a=b', '/one two', 'a=b'],
    ['/caf%C3%A9', 'a=%20', '/cafÃ©', 'a= '],
    ['/one', 'a=%2520', '/one', 'a= '],
]) {
    const [said] = Parser.parse(line(path, query));
    console.log(`${path}?${query}: ${said['cs-uri-stem']}?${said['cs-uri-query']}`);
    assert.deepStrictEqual([said['cs-uri-stem'], said['cs-uri-query']], [seen_path, seen_query]);
}
JAVASCRIPT
node lines.js
echo "as described"
