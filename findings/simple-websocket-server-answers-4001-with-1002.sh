#!/usr/bin/env bash
# simple-websocket-server 0.4.4 (Python) answers a Close of an application as a protocol error, and a Close without a code with 1000.
#
# Expected: the codes 3000 to 3999 are for libraries and frameworks, 4000 to 4999 "for private use", and may be sent by any application (RFC
# 6455 section 7.4.2); an endpoint that answers a Close "typically echos the status code it received" (section 5.5.1).
# Seen: 4001 and 3001 are answered with 1002, "terminating the connection due to a protocol error"; 3000, 3999, 4000 and 4999 are echoed, since
# its list has the ends of the ranges and not what lies between. A Close that is empty is answered with 1000. websockets 17.4 echoes all.
#
# A client that says with its code why it goes is told that it has broken the protocol.
#
# Usage: findings/simple-websocket-server-answers-4001-with-1002.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check simple-websocket-server==0.4.4 websockets==17.4

cat >codes.py <<'PYTHON'
import os
import socket
import struct
import threading

from simple_websocket_server import WebSocket, WebSocketServer
from websockets.sync.server import serve

server = WebSocketServer("127.0.0.1", 0, WebSocket)
threading.Thread(target=server.serve_forever, daemon=True).start()
other = serve(lambda connection: [None for _ in connection], "127.0.0.1", 0)
threading.Thread(target=other.serve_forever, daemon=True).start()


def answered(port, code):
    payload = struct.pack("!H", code) if code else b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        client.sendall(bytes([0x88, 0x80 | len(payload)]) + bytes(4) + payload)
        assert client.recv(1) == b"\x88"
        size = client.recv(1)[0]
        return struct.unpack("!H", client.recv(2))[0] if size else None


for code, seen in ((1000, 1000), (3000, 3000), (3001, 1002), (4000, 4000), (4001, 1002), (4998, 1002), (4999, 4999), (None, 1000)):
    said = [answered(server.serversocket.getsockname()[1], code), answered(other.socket.getsockname()[1], code)]
    print(f"{code}: simple-websocket-server {said[0]}, websockets {said[1]}", flush=True)
    assert said == [seen, code]
print("as described", flush=True)
os._exit(0)
PYTHON
timeout 60 python/bin/python codes.py 2>/dev/null
