#!/usr/bin/env bash
# Three readers of event streams take a line end whose CR and LF come in two packets for two line ends, and so for the end of the
# event.
#
#   requests-sse 0.5.3 (Python), parse-sse 0.1.0 and extended-eventsource 2.1.0 (Node.js)
#
# Expected: a line ends with CR LF, with LF, or with CR alone; only an empty line ends an event (HTML standard, section 9.2.5
# and 9.2.6). How the bytes are parted on their way means nothing.
# Seen: `data: one` CR, and LF `data: more` CR LF after it, are two events with each of the three. When both come together all of
# them hand out one. eventsource 5.1.5, httpx-sse 0.4.3 and sseclient-py 1.9.0 hand out one in either case.
#
# Where bytes are parted is chance: of a busy stream with CR LF now and then an event arrives in two halves.
#
# Usage: findings/requests-sse-ends-an-event-between-cr-and-lf.sh
# Needs python3 with venv, pip and its index, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check requests-sse==0.5.3 sseclient-py==1.9.0 requests==2.34.2 httpx==0.28.1 \
    httpx-sse==0.4.3
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund parse-sse@0.1.0 extended-eventsource@2.1.0 eventsource@5.1.5

# /together sends an event at once, /parted in two chunks with a pause between CR and LF; then the stream waits for the client to go.
cat >server.py <<'PYTHON'
import http.server
import time

EVENT = b"data: one\r\ndata: more\r\n\r\n"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        at = EVENT.index(b"\n") if self.path == "/parted" else len(EVENT)
        for part in (EVENT[:at], EVENT[at:], b"data: last\n\n"):
            if part:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                self.wfile.flush()
                time.sleep(0.3)
        self.connection.settimeout(10)
        self.connection.recv(1)
        self.close_connection = True

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
import requests_sse
from httpx_sse import connect_sse
from sseclient import SSEClient

url = sys.argv[1]


def until_last(events):
    heard = []
    for event in events:
        if event.data == "last":
            return heard
        heard.append(event.data)


with requests_sse.EventSource(url, timeout=10) as source:
    print("requests-sse", until_last(source))
with requests.get(url, stream=True) as answer:
    print("sseclient-py", until_last(SSEClient(answer).events()))
with httpx.Client() as client, connect_sse(client, "GET", url) as source:
    print("httpx-sse", until_last(source.iter_sse()))
PYTHON

cat >node.mjs <<'JAVASCRIPT'
import { EventSource } from 'eventsource';
import { EventSource as Extended } from 'extended-eventsource';
import { parseServerSentEvents } from 'parse-sse';

const url = process.argv[2];
const heard = [];
for await (const event of parseServerSentEvents(await fetch(url))) {
    if (event.data === 'last') break;
    heard.push(event.data);
}
console.log('parse-sse', JSON.stringify(heard));
for (const [name, Source] of [['extended-eventsource', Extended], ['eventsource', EventSource]]) {
    const events = [];
    const source = new Source(url);
    await new Promise((resolve) => {
        source.onmessage = (event) => { if (event.data === 'last') resolve(); else events.push(event.data); };
    });
    console.log(name, JSON.stringify(events));
    source.onerror = () => {};
    source.close();
}
process.exit(0);
JAVASCRIPT

python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.05; done
for path in together parted; do
    echo "$path"
    timeout 60 python/bin/python python.py "http://127.0.0.1:$(cat port)/$path"
    timeout 60 node node.mjs "http://127.0.0.1:$(cat port)/$path" 2>/dev/null
done | tee seen
diff - seen <<'SEEN'
together
requests-sse ['one\nmore']
sseclient-py ['one\nmore']
httpx-sse ['one\nmore']
parse-sse ["one\nmore"]
extended-eventsource ["one\nmore"]
eventsource ["one\nmore"]
parted
requests-sse ['one', 'more']
sseclient-py ['one\nmore']
httpx-sse ['one\nmore']
parse-sse ["one","more"]
extended-eventsource ["one","more"]
eventsource ["one\nmore"]
SEEN
echo "as described"
