#!/usr/bin/env bash
# websock 1.0.4 (Python) reads one message of what a call of recv gives, and throws the rest away.
#
# Expected: messages arrive whole and all of them, however the network divides their bytes (RFC 6455 sections 5.2 and 6.2); the package
# calls itself a server "following RFC 6455".
# Seen: of `one` and `two` in one packet the program gets `one`, as separate packets both. Of a message of 5,000 bytes it gets the first
# 2,040, as if they were all, since it asks for 2,048 bytes with the header, and takes what follows for the next header. One of
# 1,500 bytes is whole.
#
# A client that sends quickly loses messages under load, and long ones are cut with no error.
#
# Usage: findings/websock-loses-the-second-of-two-messages.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check websock==1.0.4

cat >messages.py <<'PYTHON'
import os
import socket
import struct
import threading
import time

from websock import WebSocketServer

received = []
port = 0
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
server = WebSocketServer("127.0.0.1", port, on_data_receive=lambda client, text: received.append(len(text)))
threading.Thread(target=server.serve_forever, daemon=True).start()


def frame(text):
    size = len(text)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return b"\x81" + length + bytes(4) + text


def connected():
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def sent(*packets):
    received.clear()
    with connected() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
        for packet in packets:
            client.sendall(packet)
            time.sleep(0.3)
    return received[:]


for name, packets, seen in (
    ("two messages of 3 bytes, apart", (frame(b"one"), frame(b"two")), [3, 3]),
    ("two messages of 3 bytes, in one packet", (frame(b"one") + frame(b"two"),), [3]),
    ("a message of 1,500 bytes", (frame(b"x" * 1500),), [1500]),
    ("a message of 5,000 bytes", (frame(b"x" * 5000),), [2040]),
):
    said = sent(*packets)
    print(f"{name}: {said}")
    assert said[:2] == seen, said
print("as described", flush=True)
os._exit(0)
PYTHON
timeout 60 python/bin/python messages.py 2>/dev/null
