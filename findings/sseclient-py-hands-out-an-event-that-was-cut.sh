#!/usr/bin/env bash
# Two readers of event streams hand out an event whose end never came:
#
#   sseclient-py 1.9.0 (Python), and parse-sse 0.1.0 (Node.js)
#
# Expected: an event is dispatched at the empty line behind it. "Once the end of the file is reached, any pending data must be
# discarded. (If the file ends in the middle of an event, before the final empty line, the incomplete event is not
# dispatched.)" (HTML standard, section 9.2.6).
# Seen: of a stream that ends within a line, what had come is an event like any other, and its id is told. Both do it
# at a clean end of the stream, which is how a server, or a proxy in front of it, ends what runs for too long; parse-sse
# passes over an event with empty data besides. eventsource 5.1.5 and httpx-sse 0.4.3 hand out the whole events alone.
#
# A text that is cut looks whole. Who comes back with the id of the cut event is never sent the rest of it.
#
# Usage: findings/sseclient-py-hands-out-an-event-that-was-cut.sh
# Needs python3 with venv, pip and its index, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check sseclient-py==1.9.0 requests==2.34.2 httpx==0.28.1 httpx-sse==0.4.3
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund parse-sse@0.1.0 eventsource@5.1.5

cat >server.py <<'PYTHON'
import http.server

STREAM = b"id: 1\ndata: pay 10 to the baker\n\nid: 2\ndata: pay 100"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(STREAM)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON

cat >python.py <<'PYTHON'
import sys

import httpx
import requests
from httpx_sse import connect_sse
from sseclient import SSEClient

url = sys.argv[1]
print("sseclient-py:", [(event.id, event.data) for event in SSEClient(requests.get(url, stream=True)).events()])
with httpx.Client() as client, connect_sse(client, "GET", url) as source:
    print("httpx-sse:", [(event.id, event.data) for event in source.iter_sse()])
PYTHON

cat >node.mjs <<'JAVASCRIPT'
import { EventSource } from 'eventsource';
import { parseServerSentEvents } from 'parse-sse';

const url = process.argv[2];
const events = [];
for await (const event of parseServerSentEvents(await fetch(url))) events.push([event.lastEventId, event.data]);
console.log('parse-sse:', JSON.stringify(events));
const heard = [];
const source = new EventSource(url);
source.onmessage = (event) => heard.push([event.lastEventId, event.data]);
await new Promise((resolve) => { source.onerror = resolve; });
source.close();
console.log('eventsource:', JSON.stringify(heard));
JAVASCRIPT

python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.05; done
{
    timeout 60 python/bin/python python.py "http://127.0.0.1:$(cat port)/"
    timeout 60 node node.mjs "http://127.0.0.1:$(cat port)/"
} | tee seen
diff - seen <<'SEEN'
sseclient-py: [('1', 'pay 10 to the baker'), ('2', 'pay 100')]
httpx-sse: [('1', 'pay 10 to the baker')]
parse-sse: [["1","pay 10 to the baker"],["2","pay 100"]]
eventsource: [["1","pay 10 to the baker"]]
SEEN
echo "as described"
