#!/usr/bin/env bash
# pagexray 4.4.4 (Node.js) counts each large text of a page as one that lacks compression, also those that came compressed.
#
# Expected: `missingCompression` is the number of responses that should be compressed and are not; it is 0 for the compressed page of its README. If
# Cache-Control has no max-age, Expires says how long an answer is fresh (RFC 9111 section 4.2.1). The names of the attributes of a cookie are read
# without regard to case (RFC 6265 section 5.2). A `bodySize` of -1 says that the size is not known (HAR 1.2 Spec, "response").
# Seen: of a page with HTML by gzip, a style by br and a script without a coding 3 lack compression, and of one with all three compressed as well.
# The fields are kept as lists, and a list is compared with a name. `Cache-Control: public` beside `Expires` makes the latter 0 seconds. A cookie for
# another domain is counted as one with `Domain=`, not with `domain=`. Each size that is not known takes a byte off the sum of the page, but not off
# that of its type. The sums of known sizes, and max-age, are right.
#
# Whoever watches the figure sees it rise with each file, compressed or not, and cannot tell when a server stopped compressing.
#
# Usage: findings/pagexray-counts-compressed-files-as-not-compressed.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund pagexray@4.4.4

cat >page.js <<'JAVASCRIPT'
const assert = require('assert');
const pagexray = require('pagexray');

const start = '2026-01-01T12:00:00.000Z';
function entry(mimeType, bodySize, fields) {
    const headers = Object.entries(fields).map(([name, value]) => ({ name, value }));
    const message = { httpVersion: 'HTTP/1.1', cookies: [], headersSize: 300 };
    return {
        pageref: 'page', startedDateTime: start, time: 3, cache: {}, timings: { send: 1, wait: 1, receive: 1 },
        request: { ...message, method: 'GET', url: 'https://www.example.com/', headers: [], queryString: [], bodySize: 0 },
        response: { ...message, status: 200, statusText: 'OK', headers, content: { size: 10000, mimeType }, redirectURL: '', bodySize },
    };
}
function page(...entries) {
    const pages = [{ id: 'page', startedDateTime: start, title: 'page', pageTimings: { onLoad: 100, onContentLoad: 50 } }];
    return pagexray.convert({ log: { version: '1.2', creator: { name: 'hand', version: '1' }, pages, entries } })[0];
}
const gzip = { 'Content-Encoding': 'gzip' };
const html = entry('text/html', 2500, gzip);
const style = entry('text/css', 2000, { 'Content-Encoding': 'br' });

for (const [what, last] of [['two of three', {}], ['all three', gzip]]) {
    const { missingCompression, transferSize, requests } = page(html, style, entry('text/javascript', 3000, last));
    console.log(`${what} are compressed: ${missingCompression} lack compression`);
    assert.deepStrictEqual([missingCompression, transferSize, requests], [3, 7500, 3]);
}
assert.strictEqual(page(html, entry('image/png', 10000, {})).missingCompression, 1);

const expires = (fields) => page(entry('text/html', 2500, fields)).expireStats.max;
const tomorrow = new Date(Date.now() + 86400_000).toUTCString();
assert.strictEqual(expires({ 'Cache-Control': 'public, max-age=60' }), 60);
assert.ok(expires({ Expires: tomorrow }) > 86000);
console.log(`public and Expires tomorrow: fresh for ${expires({ 'Cache-Control': 'public', Expires: tomorrow })} s`);
assert.strictEqual(expires({ 'Cache-Control': 'public', Expires: tomorrow }), 0);

const others = ['Domain', 'domain'].map((name) => page(entry('text/html', 2500, { 'Set-Cookie': `a=b; ${name}=other.org` })));
console.log('cookies of another domain:', others.map((one) => one.cookieNamesThirdParties.length));
assert.deepStrictEqual(others.map((one) => one.cookieNamesThirdParties.length), [1, 0]);

const unknown = page(html, entry('image/png', -1, {}), entry('image/png', -1, {}));
console.log(`2500 bytes and two sizes that are not known: ${unknown.transferSize} in all, ${unknown.contentTypes.image.transferSize} of images`);
assert.deepStrictEqual([unknown.transferSize, unknown.contentTypes.html.transferSize, unknown.contentTypes.image.transferSize], [2498, 2500, 0]);
JAVASCRIPT
node --no-deprecation page.js
echo "as described"
