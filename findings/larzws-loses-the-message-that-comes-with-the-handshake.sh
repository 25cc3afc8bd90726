#!/usr/bin/env bash
# larzws 0.1.0 (Python) throws away what a server sends in one packet with its answer to the handshake.
#
# Expected: the connection is open for the server once it has sent its answer, and it may send at once (RFC 6455 section 4.2.2); where a packet
# ends says nothing.
# Seen: `connect` reads up to 1,024 bytes and keeps what stands before the empty line. Of the answer with two messages behind it in one
# packet, and a third one later, the program gets the third alone; with the messages in a packet of their own it gets all three.
#
# A greeting, or the state that a server sends first, arrives or not by how busy the network is.
#
# Usage: findings/larzws-loses-the-message-that-comes-with-the-handshake.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzws==0.1.0

cat >greeted.py <<'PYTHON'
import base64
import hashlib
import re
import socket
import threading
import time

from larzws import connect


def serve(listener, apart):
    connection, _ = listener.accept()
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)[1]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
        + b"\r\n\r\n"
    )
    messages = b"\x81\x03one\x81\x03two"
    if apart:
        connection.sendall(answer)
        time.sleep(0.3)
        connection.sendall(messages)
    else:
        connection.sendall(answer + messages)
    time.sleep(0.3)
    connection.sendall(b"\x81\x05three\x88\x00")
    connection.recv(100)
    connection.close()


for apart, expected in ((True, ["one", "two", "three"]), (False, ["three"])):
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener, apart))
    thread.start()
    received = list(connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/", timeout=10))
    thread.join()
    print("apart:" if apart else "in one packet:", received)
    assert received == expected, received
PYTHON
timeout 60 python/bin/python greeted.py
echo "as described"
