#!/usr/bin/env bash
# Four clients of Digest authentication in Node.js answer a challenge for SHA-256 with MD5: needle 3.5.0, urllib 4.9.2,
# @mhoc/axios-digest-auth 0.8.0 and www-authenticate 0.6.3; the last one calls its MD5 SHA-256.
#
# Expected: the answer's algorithm is that of the challenge; "if the algorithm is not understood, the challenge should be
# ignored, and a different challenge used, if there is more than one" (RFC 7616 section 3.3).
# Seen: the response is made by MD5 in all four. needle, urllib and @mhoc's say so, or name no algorithm, which means
# MD5; www-authenticate writes `algorithm="SHA-256"` beside 32 digits, where SHA-256 has 64. curl answers with SHA-256.
#
# The server answers 401, and the client is told of a wrong user or password: it looks like a mistake in the settings.
#
# Usage: findings/node-digest-clients-answer-sha-256-with-md5.sh
# Needs Node.js 20, npm with its registry, and curl. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund needle@3.5.0 urllib@4.9.2 @mhoc/axios-digest-auth@0.8.0 www-authenticate@0.6.3

cat >answer.js <<'JAVASCRIPT'
const assert = require('assert');
const { createHash } = require('crypto');
const http = require('http');
const run = require('util').promisify(require('child_process').execFile);
const axios = require('@mhoc/axios-digest-auth').default;
const needle = require('needle');
const urllib = require('urllib');
const www_authenticate = require('www-authenticate');
const CHALLENGE = 'Digest realm="realm", nonce="nonce", qop="auth", algorithm=SHA-256';
const user = { username: 'user', password: 'secret' };

/** Which hash an answer is made by, and which it says. */
function made(answer) {
    const value = (name) => new RegExp(`\\b${name}="?([^",]*)`).exec(answer)?.[1];
    for (const algorithm of ['MD5', 'SHA-256']) {
        const hash = (...parts) => createHash(algorithm.replace('-', '')).update(parts.join(':')).digest('hex');
        const secret = hash(user.username, 'realm', user.password);
        const rest = ['nonce', value('nc'), value('cnonce'), value('qop'), hash('GET', '/')];
        if (hash(secret, ...rest) === value('response')) return `${algorithm}, says ${value('algorithm')}`;
    }
}

(async () => {
    let answered;
    const server = http.createServer((request, response) => {
        answered = request.headers.authorization;
        response.writeHead(answered ? 200 : 401, answered ? {} : { 'WWW-Authenticate': CHALLENGE });
        response.end();
    });
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${server.address().port}/`;
    for (const [name, expected, ask] of [
        ['curl', 'SHA-256, says SHA-256', () => run('curl', ['--silent', '--noproxy', '*', '--digest', '--user', 'user:secret', url])],
        ['needle', 'MD5, says undefined', () => needle('get', url, { ...user, auth: 'digest' })],
        ['urllib', 'MD5, says undefined', () => urllib.request(url, { digestAuth: 'user:secret' })],
        ['@mhoc/axios-digest-auth', 'MD5, says MD5', () => new axios({ ...user }).request({ url, method: 'GET' })],
        ['www-authenticate', 'MD5, says SHA-256', async () => {
            answered = www_authenticate(user.username, user.password)(CHALLENGE).authorize('GET', '/');
        }],
    ]) {
        answered = undefined;
        await ask();
        console.log(`${name}: made by ${made(answered)}`);
        assert.strictEqual(made(answered), expected);
    }
    server.close();
    server.closeAllConnections();
})();
JAVASCRIPT
node answer.js
echo "as described"
