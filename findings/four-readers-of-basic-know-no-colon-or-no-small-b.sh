#!/usr/bin/env bash
# Four readers of Basic authentication for Node.js turn valid credentials away:
#
#   basic 2.0.3 and nextjs-basic-auth 0.1.3 if the password has a colon; basic-auth-parser 0.0.2 and basic-authentication 1.10.0 if the scheme is
#   written `basic`.
#
# Expected: "text after the first colon is part of the password" (RFC 7617 section 2), which may have colons therefore; the name of a scheme has no
# case (RFC 9110 section 11.1).
# Seen: of the password `a:b` basic gives undefined for both user and password, and nextjs-basic-auth finds no such user. basic-auth-parser gives no
# user for `basic`, and basic-authentication an empty text. basic-auth 2.0.1 reads all of them.
#
# Usage: findings/four-readers-of-basic-know-no-colon-or-no-small-b.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps basic@2.0.3 nextjs-basic-auth@0.1.3 basic-auth-parser@0.0.2 basic-authentication@1.10.0 \
    basic-auth@2.0.1

cat >credentials.js <<'JAVASCRIPT'
const assert = require('assert');
const basic = require('basic');
const right = require('basic-auth');
const parse = require('basic-auth-parser');
const authentication = require('basic-authentication');
const nextjs = require('nextjs-basic-auth').default;

const readers = {
    basic: (headers) => new Promise((done) => basic((user, password) => done(password))({ headers }, {}, () => {})),
    'nextjs-basic-auth': async (headers) => {
        const users = ['secret', 'a:b'].map((password) => ({ user: 'user', password }));
        let status = 'known';
        const response = { setHeader() {}, end() {}, set statusCode(code) { status = code; } };
        await nextjs({ users })({ headers }, response);
        return status;
    },
    'basic-auth-parser': async (headers) => parse(headers.authorization).password,
    'basic-authentication': async (headers) => {
        const field = authentication({ functions: true })({ headers });
        return field && Buffer.from(field, 'base64').toString().split(/:(.*)/)[1];
    },
    'basic-auth': async (headers) => right({ headers }).pass,
};

(async () => {
    for (const [name, ...seen] of [
        ['basic', 'secret', undefined, 'secret'],
        ['nextjs-basic-auth', 'known', 401, 'known'],
        ['basic-auth-parser', 'secret', 'a:b', undefined],
        ['basic-authentication', 'secret', 'a:b', ''],
        ['basic-auth', 'secret', 'a:b', 'secret'],
    ]) {
        const said = [];
        for (const [scheme, password] of [['Basic', 'secret'], ['Basic', 'a:b'], ['basic', 'secret']]) {
            said.push(await readers[name]({ authorization: `${scheme} ${Buffer.from(`user:${password}`).toString('base64')}` }));
        }
        console.log(`${name}: Basic user:secret ${said[0]}; Basic user:a:b ${said[1]}; basic user:secret ${said[2]}`);
        assert.deepStrictEqual(said, seen);
    }
})();
JAVASCRIPT
node --no-deprecation credentials.js
echo "as described"
