#!/usr/bin/env bash
# tornado 6.6.1 (Python): permessage-deflate with `client_no_context_takeover` or `server_no_context_takeover` is taken for the
# extension without them, by its client and by its server.
#
# Expected: a client that is answered `client_no_context_takeover` must compress each message by itself (RFC 7692 section
# 7.1.1.2); a server that is offered `server_no_context_takeover` takes it by naming it in its answer, or declines the offer
# (7.1.1.1).
# Seen: parameters without a value are lost as the field is read. The client refers to earlier messages: a server that
# agreed to forget them reads the first message, and cannot inflate the second one that has something in common with it. The
# server accepts the offer without the parameter, and refers to earlier messages as well. Messages that have nothing in common
# get through, so short tests stay green. websockets 17.4 compresses each by itself under the same answer.
#
# Servers agree so to need no memory between messages. To them the client breaks the protocol (1007).
#
# Usage: findings/tornado-keeps-the-context-of-deflate-though-it-agreed-not-to.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check tornado==6.6.1 websockets==17.4
cat >context.py <<'PYTHON'
import asyncio
import base64
import hashlib
import random
import re
import zlib

import tornado.web
import tornado.websocket
from websockets.asyncio.client import connect

# Nothing in it repeats, so that it is short only behind another one.
TEXT = "".join(random.Random(1).sample([chr(code) for code in range(0x4E00, 0x4E00 + 3000)], 600))


async def message(reader):
    """The payload of a frame, and how much it is inflated by itself."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(length)))
    assert first == 0xC1, "a compressed text"
    try:
        return "read" if zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff").decode() == TEXT else "other text"
    except zlib.error as error:
        return str(error)


async def server(reader, writer):
    """Agrees that nobody keeps a context, and tries to inflate two messages, each by itself."""
    head = await reader.readuntil(b"\r\n\r\n")
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
        + b"\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\r\n"
    )
    heard.put_nowait([await message(reader), await message(reader)])
    writer.close()


class Twice(tornado.websocket.WebSocketHandler):
    def get_compression_options(self):
        return {}

    def open(self):
        for _ in range(2):
            self.write_message(TEXT)


async def main():
    global heard
    heard = asyncio.Queue()
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"

    client = await tornado.websocket.websocket_connect(url, compression_options={})
    for _ in range(2):
        await client.write_message(TEXT)
    by_tornado = await heard.get()
    async with connect(url) as other:
        for _ in range(2):
            await other.send(TEXT)
        by_websockets = await heard.get()
    print("tornado's client, two messages:", by_tornado)
    print("that of websockets:", by_websockets)
    assert by_websockets == ["read", "read"]
    assert by_tornado == ["read", "Error -3 while decompressing data: invalid distance too far back"]

    sockets = tornado.web.Application([("/", Twice)]).listen(0, "127.0.0.1")
    port = next(iter(sockets._sockets.values())).getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n"
    )
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    agreed = re.search(r"(?i)sec-websocket-extensions: ([^\r]+)", head)[1]
    answers = [await message(reader), await message(reader)]
    print(f"tornado's server, offered server_no_context_takeover, agrees to {agreed!r}:", answers)
    assert agreed == "permessage-deflate"
    assert answers == ["read", "Error -3 while decompressing data: invalid distance too far back"]


asyncio.run(main())
PYTHON
timeout 60 python/bin/python context.py
echo "as described"
