#!/usr/bin/env bash
# Two libraries of WebSocket take a Close with 1012, 1013 or 1014 for a broken one, and a third refuses 1014.
#
#   websocket-driver 0.8.0 with faye-websocket 0.11.4 (Node.js): the application is told 1002, and so is the peer.
#   ws4py 0.6.0 (Python): the application is told 1005, and a Close with 1005 is sent.
#   wsproto 1.3.2 (Python): reads 1012 and 1013, and answers 1014 with 1002.
#
# Expected: codes from 1000 to 2999 are those of the registry (RFC 6455 sections 7.4.2 and 11.7), which has had 1012 (service
# restart), 1013 (try again later) and 1014 (bad gateway) for years. 1005 must never be in a Close frame (section 7.4.1).
# Seen: as above, for a Close that holds nothing but its code. ws 8.23.0 and websockets 17.4 hand out all three.
#
# A server that restarts says 1012 so that clients connect again, and 1013 so that they wait before. These clients take both for a bug of
# the protocol, which many programs do not try again after.
#
# Usage: findings/websocket-close-codes-1012-to-1014-are-protocol-errors.sh
# Needs python3 with venv, pip and its index, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check ws4py==0.6.0 wsproto==1.3.2 websockets==17.4
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ws@8.23.0 faye-websocket@0.11.4 websocket-driver@0.8.0

# A server that sends a Close with the code of its path (/1012) and prints the code of the Close that comes back.
cat >server.py <<'PYTHON'
import base64
import hashlib
import re
import socket


def read(connection, length):
    data = b""
    while len(data) < length:
        received = connection.recv(length - len(data))
        if not received:
            raise EOFError
        data += received
    return data


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.settimeout(10)
    head = b""
    while b"\r\n\r\n" not in head:
        head += read(connection, 1)
    code = int(re.match(rb"GET /(\d+)", head)[1])
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
        + b"\r\n\r\n\x88\x02" + code.to_bytes(2, "big")
    )
    front = read(connection, 6)
    assert front[0] == 0x88 and front[1] & 0x80
    body = bytes(byte ^ front[2 + at % 4] for at, byte in enumerate(read(connection, front[1] & 0x7F)))
    print(f"{code} answered {int.from_bytes(body[:2], 'big')}", flush=True)
    connection.close()
PYTHON

cat >clients.py <<'PYTHON'
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from ws4py.client.threadedclient import WebSocketClient
from wsproto.frame_protocol import FrameProtocol

url, code = sys.argv[1], int(sys.argv[2])


class Client(WebSocketClient):
    def closed(self, code, reason=None):
        self.told = code


client = Client(url)
client.connect()
client.run_forever()
with connect(url) as other:
    try:
        other.recv(timeout=10)
    except ConnectionClosed as closed:
        told = closed.rcvd.code
# wsproto does no I/O: its frames.
frames = FrameProtocol(client=True, extensions=[])
frames.receive_bytes(b"\x88\x02" + code.to_bytes(2, "big"))
try:
    of_wsproto = int([frame.payload for frame in frames.received_frames()][0][0])
except Exception as error:
    of_wsproto = int(error.code)
print(f"ws4py {client.told}, websockets {told}, wsproto {of_wsproto}")
PYTHON

cat >clients.js <<'JAVASCRIPT'
const url = process.argv[2];
const told = (client) => new Promise((resolve) => { client.onclose = (event) => resolve(event.code); });
(async () => {
    const of_faye = await told(new (require('faye-websocket').Client)(url));
    const of_ws = await told(new (require('ws'))(url));
    console.log(`faye-websocket ${of_faye}, ws ${of_ws}`);
    process.exit(0);
})();
JAVASCRIPT

python3 server.py >said &
server=$!
until [[ -s said ]]; do sleep 0.05; done
port=$(cat said)
for code in 1012 1013 1014; do
    echo "$code: $(timeout 60 python/bin/python clients.py "ws://127.0.0.1:$port/$code" "$code"), $(timeout 60 node clients.js "ws://127.0.0.1:$port/$code")"
done >seen
cat seen
# The answers come in the order of the clients: ws4py, websockets, faye-websocket, ws.
tail -n +2 said
diff - seen <<'SEEN'
1012: ws4py 1005, websockets 1012, wsproto 1012, faye-websocket 1002, ws 1012
1013: ws4py 1005, websockets 1013, wsproto 1013, faye-websocket 1002, ws 1013
1014: ws4py 1005, websockets 1014, wsproto 1002, faye-websocket 1002, ws 1014
SEEN
diff - <(tail -n +2 said) <<'ANSWERS'
1012 answered 1005
1012 answered 1012
1012 answered 1002
1012 answered 1012
1013 answered 1005
1013 answered 1013
1013 answered 1002
1013 answered 1013
1014 answered 1005
1014 answered 1014
1014 answered 1002
1014 answered 1014
ANSWERS
echo "as described"
