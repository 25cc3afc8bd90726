#!/usr/bin/env bash
# Ranges that reach the end of what is there, in Node.js and service workers:
#
#   workbox-range-requests 7.4.1 and serwist 9.5.13, `createPartialResponse`: of 1,000 bytes, `0-1000` is answered 206 with
#   `Content-Range: bytes 0-1000/1000`, which has 1,001; `1000-`, behind the last byte, 206 with `bytes 1000-999/1000`;
#   `0-9999` and `-2000`, which are all of it, 416.
#   @hapi/ammo 6.0.1, `header`: `-2000` is the range from -1000 to 999, and `0-4,2000-3000` is none at all.
#
# Expected: a last position behind the end means the end; a suffix longer than what is there means all of it; a first
# position at the length or behind it cannot be satisfied, and a set can if one of its ranges can (RFC 9110 sections 14.1.2 and
# 15.5.17). A Content-Range whose last position is less than the first, or not below the length, is invalid (14.4).
# Seen: as above. All of them read ranges inside the 1,000 bytes well. Players and download tools ask for rounded ranges, whose last
# one nearly always reaches beyond the end.
#
# Usage: findings/workbox-range-requests-misjudges-where-a-file-ends.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund workbox-range-requests@7.4.1 serwist@9.5.13 @hapi/ammo@6.0.1

cat >ranges.mjs <<'JAVASCRIPT'
import assert from 'assert';
import ammo from '@hapi/ammo';

globalThis.self = globalThis; // as in a service worker
const readers = {
    workbox: (await import('workbox-range-requests/createPartialResponse.js')).createPartialResponse,
    serwist: (await import('serwist')).createPartialResponse,
};
for (const [range, expected] of [
    ['990-999', '206 bytes 990-999/1000, 10 bytes'],
    ['0-1000', '206 bytes 0-1000/1000, 1000 bytes'],
    ['1000-', '206 bytes 1000-999/1000, 0 bytes'],
    ['0-9999', '416 null, 0 bytes'],
    ['-2000', '416 null, 0 bytes'],
]) {
    for (const [name, read] of Object.entries(readers)) {
        const answer = await read(
            new Request('http://localhost/', { headers: { range: `bytes=${range}` } }),
            new Response('x'.repeat(1000)),
        );
        const seen = `${answer.status} ${answer.headers.get('content-range')}, ${(await answer.text()).length} bytes`;
        console.log(`${name}: ${range}: ${seen}`);
        assert.strictEqual(seen, expected);
    }
}
for (const [range, expected] of [['990-999', [990, 999]], ['0-9999', [0, 999]], ['-2000', [-1000, 999]], ['0-4,2000-3000', null]]) {
    const read = ammo.header(`bytes=${range}`, 1000);
    console.log(`ammo: ${range}: ${read && `from ${read[0].from} to ${read[0].to}`}`);
    assert.deepStrictEqual(read && [read[0].from, read[0].to], expected);
}
JAVASCRIPT
NODE_ENV=production node ranges.mjs
echo "as described"
