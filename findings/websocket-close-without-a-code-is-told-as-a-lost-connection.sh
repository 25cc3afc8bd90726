#!/usr/bin/env bash
# Three libraries of WebSocket tell a Close without a code, as a browser's `close()` sends it, as something else than it is.
#
#   websocket 1.0.35 (Node.js): 1006, "Connection dropped by remote peer", as client and as server.
#   aiohttp 3.14.5 (Python): 1006 as client; 0, which is no code, as server.
#   websocket-driver 0.8.0 with faye-websocket 0.11.4 (Node.js): 1000, as client.
#
# Expected: 1005, "no status code was actually present"; 1006 means that the connection was lost "without sending or receiving a
# Close control frame", and 0 to 999 are not used (RFC 6455 sections 7.1.5, 7.4.1 and 7.4.2).
# Seen: as above, though each answers the Close. ws 8.23.0, undici 7.30.2 and websockets 17.4 tell 1005.
#
# Programs connect again, or count a fault, on 1006: with these libraries they do so for each page that was closed in order.
#
# Usage: findings/websocket-close-without-a-code-is-told-as-a-lost-connection.sh
# Needs python3 with venv, pip and its index, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check aiohttp==3.14.5 websockets==17.4
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ws@8.23.0 undici@7.30.2 websocket@1.0.35 faye-websocket@0.11.4 websocket-driver@0.8.0

# A server that sends a Close without a code, waits for the Close that answers it, and closes.
cat >server.py <<'PYTHON'
import base64
import hashlib
import re
import socket

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.settimeout(10)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
        + b"\r\n\r\n\x88\x00"
    )
    assert connection.recv(1) == b"\x88"
    connection.close()
PYTHON

# As a browser would: a client that sends a masked Close without a code, and hears the answer.
cat >closing.py <<'PYTHON'
import socket


def close(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        client.sendall(b"\x88\x80\x00\x00\x00\x00")
        assert client.recv(1) == b"\x88"
PYTHON

cat >python.py <<'PYTHON'
import asyncio
import sys

import aiohttp
from aiohttp import web
from closing import close
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

url = sys.argv[1]
with connect(url) as client:
    try:
        client.recv(timeout=10)
    except ConnectionClosed as closed:
        print("websockets, client:", int(closed.rcvd.code))


async def by_aiohttp():
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as client:
        async for _ in client:
            pass
        print("aiohttp, client:", int(client.close_code))

    told = asyncio.get_running_loop().create_future()

    async def handler(request):
        server = web.WebSocketResponse()
        await server.prepare(request)
        async for _ in server:
            pass
        told.set_result(server.close_code)
        return server

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await asyncio.to_thread(close, runner.addresses[0][1])
    print("aiohttp, server:", int(await asyncio.wait_for(told, 10)))
    await runner.cleanup()


asyncio.run(by_aiohttp())
PYTHON

cat >node.js <<'JAVASCRIPT'
const { execFile } = require('child_process');
const websocket = require('websocket');
const url = process.argv[2];
const told = (client) => new Promise((resolve) => { client.onclose = (event) => resolve(event.code); });
(async () => {
    console.log('ws, client:', await told(new (require('ws'))(url)));
    console.log('undici, client:', await told(new (require('undici').WebSocket)(url)));
    console.log('faye-websocket, client:', await told(new (require('faye-websocket').Client)(url)));
    console.log('websocket, client:', await new Promise((resolve) => {
        const client = new websocket.client();
        client.on('connect', (connection) => connection.on('close', resolve));
        client.connect(url);
    }));
    const listener = require('http').createServer();
    const server = new websocket.server({ httpServer: listener, autoAcceptConnections: true });
    const code = new Promise((resolve) => server.on('connect', (connection) => connection.on('close', resolve)));
    listener.listen(0, '127.0.0.1', () => {
        execFile('python3', ['-c', `from closing import close; close(${listener.address().port})`]);
    });
    console.log('websocket, server:', await code);
    process.exit(0);
})();
JAVASCRIPT

python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.05; done
{
    timeout 60 python/bin/python python.py "ws://127.0.0.1:$(cat port)/"
    timeout 60 node node.js "ws://127.0.0.1:$(cat port)/"
} | tee seen
diff - seen <<'SEEN'
websockets, client: 1005
aiohttp, client: 1006
aiohttp, server: 0
ws, client: 1005
undici, client: 1005
faye-websocket, client: 1000
websocket, client: 1006
websocket, server: 1006
SEEN
echo "as described"
