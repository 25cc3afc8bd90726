#!/usr/bin/env bash
# superagent 10.4.2 (Node.js), by cookiejar 2.1.4, does not read Max-Age: cookies stay when their time is over, and are dropped
# before.
#
# Expected: Max-Age=0 ends a cookie at once, and where there is an Expires too Max-Age is the one that counts (RFC 6265 sections
# 5.2.2 and 5.3, step 3). The README of cookiejar has no word of Max-Age.
# Seen: an agent sends `session=a` on after `session=a; Max-Age=0`, and a cookie with Max-Age=1 for as long as the agent lives. Max-Age=3600
# with an Expires of 1970 is not kept, though it has an hour. With Expires alone cookies end. tough-cookie 6.1.0 reads all.
#
# A test of a service whose logout says Max-Age=0 finds the client logged in, and a client of days sends what has run out.
#
# Usage: findings/superagent-keeps-a-session-that-max-age-ended.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "overrides": { "cookiejar": "2.1.4" } }' >package.json
npm install --silent --no-audit --no-fund superagent@10.4.2 tough-cookie@6.1.0

cat >session.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const superagent = require('superagent');
const { CookieJar } = require('tough-cookie');

// Each path answers with the cookie of that name; any other path shows what the client sends.
const cookies = {
    '/in': 'session=a; Path=/',
    '/out': 'session=a; Path=/; Max-Age=0',
    '/out-by-date': 'session=a; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    '/second': 'second=a; Path=/; Max-Age=1',
    '/hour': 'hour=a; Path=/; Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
};
const server = http.createServer((request, response) => {
    if (cookies[request.url]) response.setHeader('Set-Cookie', cookies[request.url]);
    response.end(request.headers.cookie || '');
});
const pause = () => new Promise((done) => setTimeout(done, 1200));

server.listen(0, '127.0.0.1', async () => {
    const base = `http://127.0.0.1:${server.address().port}`;
    for (const [paths, sent, right] of [
        [['/in'], 'session=a', 'session=a'],
        [['/in', '/out'], 'session=a', ''],
        [['/in', '/out-by-date'], '', ''],
        [['/second'], 'second=a', ''],
        [['/hour'], '', 'hour=a'],
    ]) {
        const agent = superagent.agent();
        const jar = new CookieJar();
        for (const path of paths) {
            await agent.get(base + path).buffer(true);
            await jar.setCookie(cookies[path], base + path);
        }
        if (paths.includes('/second')) await pause();
        const shown = await agent.get(`${base}/show`).buffer(true).parse((response, done) => {
            let text = '';
            response.on('data', (part) => (text += part));
            response.on('end', () => done(null, text));
        });
        const by_other = await jar.getCookieString(base);
        console.log(`${paths.join(' ')}: superagent sends '${shown.body}', tough-cookie '${by_other}'`);
        assert.deepStrictEqual([shown.body, by_other], [sent, right]);
    }
    server.close();
});
JAVASCRIPT
node session.js
echo "as described"
