#!/usr/bin/env bash
# Digest authentication in Node.js: @mhoc/axios-digest-auth 0.8.0 and its two descendants, @lukesthl/ts-axios-digest-auth 1.0.5
# and @acidemic/axios-digest-auth 0.9.9, answer another nonce than the one they were given, and another address than they ask for.
#
# Expected: `nonce` and `opaque` come back unchanged, `uri` is the request target with its query, and qop, algorithm
# and nc stand without quotes (RFC 7616 section 3.4; 3.3 recommends a nonce in base64, which ends in `=` two times of three).
# Seen: the nonce ends before its first `=`, the realm ends before its first comma, the query is left out of `uri`, `opaque` is
# missing (not so in @acidemic's), and the tokens are quoted. needle 3.5.0 and urllib 4.9.2 give back nonce, query and opaque as they are, but end
# the realm at the comma too. curl gives back all of it.
#
# A server finds a nonce that it never gave, answers 401 again, and the client is told that its password is wrong. Apache's
# httpd has an `=` in each nonce.
#
# Usage: findings/axios-digest-auth-cuts-a-nonce-at-its-equals-sign.sh
# Needs Node.js 20, npm with its registry, and curl. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @mhoc/axios-digest-auth@0.8.0 @lukesthl/ts-axios-digest-auth@1.0.5 \
    @acidemic/axios-digest-auth@0.9.9 needle@3.5.0 urllib@4.9.2

cat >digest.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const run = require('util').promisify(require('child_process').execFile);
const needle = require('needle');
const urllib = require('urllib');
const user = { username: 'user', password: 'secret' };
const given = { realm: 'one, two', nonce: 'bm9uY2U=', opaque: 'b3BhcXVl', uri: '/list?page=2' };

/** Asks a server that gives one challenge and accepts every answer to it; hands out what the answer says. */
async function answer(ask) {
    let answered;
    const server = http.createServer((request, response) => {
        answered = request.headers.authorization;
        const { realm, nonce, opaque } = given;
        const challenge = `Digest realm="${realm}", nonce="${nonce}", opaque="${opaque}", qop="auth", algorithm=MD5`;
        response.writeHead(answered ? 200 : 401, answered ? {} : { 'WWW-Authenticate': challenge });
        response.end();
    });
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    await ask(`http://127.0.0.1:${server.address().port}${given.uri}`);
    server.close();
    server.closeAllConnections();
    const said = { tokens: /(qop|nc)="/.test(answered) ? 'quoted' : 'bare' };
    for (const name of Object.keys(given)) said[name] = new RegExp(`\\b${name}="([^"]*)"`).exec(answered)?.[1];
    return said;
}

const right = { tokens: 'bare', ...given };
const cut = { tokens: 'quoted', realm: 'one', nonce: 'bm9uY2U', opaque: undefined, uri: '/list' };
const axios = (module) => (url) => new module({ ...user }).request({ url, method: 'GET' });
(async () => {
    for (const [name, expected, ask] of [
        ['curl', right, (url) => run('curl', ['--silent', '--fail', '--noproxy', '*', '--digest', '--user', 'user:secret', url])],
        ['urllib', { ...right, realm: 'one' }, (url) => urllib.request(url, { digestAuth: 'user:secret' })],
        ['needle', { ...right, realm: 'one', tokens: 'quoted' }, (url) => needle('get', url, { ...user, auth: 'digest' })],
        ['@mhoc', cut, axios(require('@mhoc/axios-digest-auth').default)],
        ['@lukesthl', cut, axios(require('@lukesthl/ts-axios-digest-auth').AxiosDigestAuth)],
        ['@acidemic', { ...cut, opaque: given.opaque }, axios(require('@acidemic/axios-digest-auth').default)],
    ]) {
        const said = await answer(ask);
        console.log(`${name}: ${JSON.stringify(said)}`);
        assert.deepStrictEqual(said, expected);
    }
})();
JAVASCRIPT
node digest.js
echo "as described"
