#!/usr/bin/env bash
# access-log 0.4.1 (Node.js) logs a request over TLS as one of HTTPS/1.1, and an answer in chunks as one without a body.
#
# Expected: the common log format holds "the request line exactly as it came from the client", and the size of the body that was sent, with a hyphen
# for none (httpd, mod_log_config: %r and %b). "The default is Apache Common Log Format" (README).
# Seen: `GET / HTTP/1.1` over TLS is logged as `GET / HTTPS/1.1`, a version that HTTP does not have (RFC 9112 section 2.3). The length is what
# Content-Length says, so seven bytes that are written in chunks, as Node.js does it unasked, are a hyphen. apachelogs 0.6.1 (Python) reads
# the lines, and gives both out.
#
# A report of versions has one too many, and one of traffic counts nothing of what has no length.
#
# Usage: findings/access-log-writes-a-protocol-that-nobody-spoke.sh
# Needs Node.js 20, npm, openssl, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund access-log@0.4.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost -days 2 2>openssl.log

cat >lines.js <<'JAVASCRIPT'
const accesslog = require('access-log');
const fs = require('fs');
const http = require('http');
const https = require('https');

const lines = [];
function answer(request, response) {
    accesslog(request, response, undefined, (line) => lines.push(line));
    response.write('neutral');
    response.end();
}
function ask(client, server) {
    const options = { host: '127.0.0.1', port: server.address().port, rejectUnauthorized: false };
    return new Promise((done) => client.get(options, (response) => response.resume().on('end', done)));
}
const plain = http.createServer(answer).listen(0, '127.0.0.1', () => {
    const secure = https.createServer({ key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem') }, answer);
    secure.listen(0, '127.0.0.1', async () => {
        await ask(http, plain);
        await ask(https, secure);
        fs.writeFileSync('lines.json', JSON.stringify(lines));
        process.exit(0);
    });
});
JAVASCRIPT
node --no-deprecation lines.js

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check apachelogs==0.6.1
python/bin/python - <<'PYTHON'
import json

from apachelogs import COMBINED, parse

with open("lines.json") as lines:
    plain, secure = json.load(lines)
print(plain, secure, sep="\n")
assert parse(COMBINED, plain).request_line == "GET / HTTP/1.1"
assert parse(COMBINED, secure).request_line == "GET / HTTPS/1.1"
assert parse(COMBINED, plain).bytes_sent is None
PYTHON
echo "as described"
