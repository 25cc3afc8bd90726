#!/usr/bin/env bash
# Three libraries of WebSocket lose every message behind one whose DEFLATE block says that it is the last one: they hand out
# empty messages in their place, without an error.
#
#   websockets 17.4 (Python), undici 7.30.2 (Node.js), permessage-deflate 0.1.7 with faye-websocket 0.11.4 (Node.js)
#
# Expected: a sender may end a message with a block whose BFINAL is set, if it then appends an empty one (RFC 7692 section
# 7.2.3.4, whose bytes are used here); the next message begins a new block, and is read as any other.
# Seen: the first message is read. Of the following ones, in the form of section 7.2.3.1, each arrives as an empty text, since
# the stream of zlib has ended and ignores its input. ws 8.23.0 and aiohttp 3.14.5 read all three. wsproto 1.3.2 ends the
# connection with an error at the second one, and says so.
#
# Senders that finish a stream of zlib for each message write such blocks. Their messages vanish at these clients.
#
# Usage: findings/deflate-messages-behind-a-final-block-are-lost.sh
# Needs python3 with venv, pip and its index, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check websockets==17.4 aiohttp==3.14.5 wsproto==1.3.2
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ws@8.23.0 undici@7.30.2 faye-websocket@0.11.4 permessage-deflate@0.1.7

# A server that takes the offer of permessage-deflate as it is, and sends "Hello" three times, the first of them in a last block.
cat >server.py <<'PYTHON'
import base64
import hashlib
import re
import socket

LAST, USUAL = bytes.fromhex("f348cdc9c9070000"), bytes.fromhex("f248cdc9c90700")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(4096)
        if not received:
            break
        head += received
    else:
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)[1]
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        for message in (LAST, USUAL, USUAL):
            connection.sendall(bytes([0xC1, len(message)]) + message)
        connection.sendall(b"\x88\x02\x03\xe8")
        connection.settimeout(5)
        try:
            while connection.recv(4096):
                pass
        except OSError:
            pass
    connection.close()
PYTHON

cat >clients.py <<'PYTHON'
import asyncio
import sys

import aiohttp
from websockets.sync.client import connect
from wsproto import ConnectionType
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol

url = f"http://127.0.0.1:{sys.argv[1]}/"
with connect(url.replace("http", "ws")) as client:
    messages = list(client)
print("websockets:", messages)
assert messages == ["Hello", "", ""], messages


async def by_aiohttp():
    async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=15) as client:
        return [message.data async for message in client]


messages = asyncio.run(by_aiohttp())
print("aiohttp:", messages)
assert messages == ["Hello", "Hello", "Hello"], messages

# wsproto does no I/O: its frames, with the extension agreed.
extension = PerMessageDeflate()
extension.finalize("permessage-deflate")
frames = FrameProtocol(client=True, extensions=[extension])
frames.receive_bytes(bytes.fromhex("c108f348cdc9c9070000"))
first = [frame.payload for frame in frames.received_frames()]
frames.receive_bytes(bytes.fromhex("c107f248cdc9c90700"))
try:
    second = [frame.payload for frame in frames.received_frames()]
except Exception as error:
    second = f"{type(error).__name__}: {error}"
print("wsproto:", first, second)
assert first == ["Hello"] and "ParseFailed" in second, (first, second)
PYTHON

cat >clients.js <<'JAVASCRIPT'
const assert = require('assert');
const url = `ws://127.0.0.1:${process.argv[2]}/`;
const faye = require('faye-websocket');

async function messages(client) {
    const all = [];
    client.onmessage = (message) => all.push(message.data);
    await new Promise((resolve) => { client.onclose = resolve; });
    return all;
}

(async () => {
    for (const [name, client, expected] of [
        ['undici', new (require('undici').WebSocket)(url), ['Hello', '', '']],
        ['faye-websocket', new faye.Client(url, [], { extensions: [require('permessage-deflate')] }), ['Hello', '', '']],
        ['ws', new (require('ws'))(url), ['Hello', 'Hello', 'Hello']],
    ]) {
        const all = await messages(client);
        console.log(`${name}:`, all);
        assert.deepStrictEqual(all, expected);
    }
    process.exit(0);
})();
JAVASCRIPT

python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.05; done
timeout 30 python/bin/python clients.py "$(cat port)"
timeout 30 node clients.js "$(cat port)"
echo "as described"
