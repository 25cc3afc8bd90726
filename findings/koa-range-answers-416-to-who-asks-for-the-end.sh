#!/usr/bin/env bash
# koa-range 0.3.0 (Node.js), also as lws-range 4.0.1 in local-web-server, answers 416 to the last bytes of a file and to a unit that it
# does not know, and 206 with a length of -10 to a range behind the end.
#
# Expected: `bytes=-3` asks for the last three bytes; a server "MUST ignore a Range header field that contains a range unit it does not
# understand"; names of units are the same in capitals; a range behind the end is what 416 is for (RFC 9110 sections 14.1, 14.1.2,
# 14.2 and 15.5.17).
# Seen: of a body of ten bytes, `bytes=-3`, `items=0-4` and `Bytes=0-4` are answered with 416, without Content-Range. `bytes=20-` is answered
# with 206, `Content-Range: bytes 20-9/10` and `Content-Length: -10`, which no client can read. `bytes=0-4` is right. The
# negative length is known (koajs/koa-range issue 19); the rest is not.
#
# Readers of ZIP, MP4 or Parquet begin with the end of a file: they get nothing.
#
# Usage: findings/koa-range-answers-416-to-who-asks-for-the-end.sh
# Needs Node.js 20, npm with its registry, and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund koa@3.3.0 koa-range@0.3.0 lws-range@4.0.1
grep -q '"koa-range"' node_modules/lws-range/index.js || grep -q "'koa-range'" node_modules/lws-range/index.js

cat >server.js <<'JAVASCRIPT'
const Koa = require('koa');
const app = new Koa();
app.use(require('koa-range'));
app.use((context) => { context.body = Buffer.from('0123456789'); });
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
JAVASCRIPT
node --no-deprecation server.js >port &
server=$!
until [[ -s port ]]; do sleep 0.05; done

python3 - "$(cat port)" <<'PYTHON' | tee seen
import socket
import sys

for field in ("bytes=0-4", "bytes=-3", "items=0-4", "Bytes=0-4", "bytes=20-"):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: {field}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
    lines = head.split(b"\r\n\r\n")[0].decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    print(f"{field}: {lines[0].split()[1]}, {fields.get('content-range')}, length {fields['content-length']}")
PYTHON
diff - seen <<'SEEN'
bytes=0-4: 206, bytes 0-4/10, length 5
bytes=-3: 416, None, length 21
items=0-4: 416, None, length 21
Bytes=0-4: 416, None, length 21
bytes=20-: 206, bytes 20-9/10, length -10
SEEN
echo "as described"
