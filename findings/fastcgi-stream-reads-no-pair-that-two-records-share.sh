#!/usr/bin/env bash
# fastcgi-stream 1.0.0, and node-fastcgi 2.0.0 above it (Node.js), lose the parameters behind the point where one record ends and the next
# begins.
#
# Expected: FCGI_PARAMS is a stream: the bytes of all its records in a row are the pairs, wherever they are cut (FastCGI specification,
# sections 3.3 and 5.2).
# Seen: each record is read as pairs of its own. cgi-fcgi of libfcgi 2.4.2 writes records of 8 KiB; with an environment of some 9,600 bytes
# the server sees 87 of the 93 variables, and no error; LAST, the last one, is missing. With 1,500 bytes all are there.
#
# Requests with long cookies or tokens are answered as if they had none.
#
# Usage: findings/fastcgi-stream-reads-no-pair-that-two-records-share.sh
# Needs Node.js 20, npm with its registry, apt-get with the archive of Debian 12, and dpkg-deb. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund node-fastcgi@2.0.0 fastcgi-stream@1.0.0
apt-get download --quiet libfcgi-bin=2.4.2-2+deb12u1 libfcgi0ldbl=2.4.2-2+deb12u1 >/dev/null 2>&1
for package in *.deb; do dpkg-deb --extract "$package" fcgi; done

cat >params.js <<'JAVASCRIPT'
const assert = require('assert');
const { execFile } = require('child_process');
const fs = require('fs');
const fastcgi = require('node-fastcgi');

const library = `fcgi/usr/lib/${fs.readdirSync('fcgi/usr/lib')[0]}`;
const server = fastcgi.createServer((request, response) => {
    const { cgiParams } = request;
    response.end(`\n${JSON.stringify({ seen: Object.keys(cgiParams).length, last: cgiParams.LAST, method: request.method })}`);
});
const errors = [];
server.on('protocolError', (error) => errors.push(error));
server.listen(0, '127.0.0.1', async () => {
    for (const [many, seen] of [[10, { last: 'yes', method: 'GET' }], [90, { method: 'GET' }]]) {
        const env = { LD_LIBRARY_PATH: library, REQUEST_METHOD: 'GET' };
        for (let i = 0; i < many; i += 1) env[`VARIABLE_${i}`] = 'x'.repeat(91);
        env.LAST = 'yes';
        const answer = await new Promise((resolve) => {
            execFile('fcgi/usr/bin/cgi-fcgi', ['-bind', '-connect', `127.0.0.1:${server.address().port}`], { env }, (error, out) => resolve(out));
        });
        const told = JSON.parse(answer.split('\n').pop());
        console.log(`${Object.keys(env).length} variables are sent, ${told.seen} seen, the last one: ${told.last}`);
        assert.strictEqual(told.seen === Object.keys(env).length, many === 10);
        assert.deepStrictEqual([told.last, told.method], [seen.last, seen.method]);
        assert.deepStrictEqual(errors, []);
    }
    console.log('as described');
    process.exit(0);
});
JAVASCRIPT
timeout 60 node --no-deprecation params.js
