#!/usr/bin/env bash
# Three readers of event streams lose a part of what an event says:
#
#   event-source-plus 0.1.15 (Node.js): of several `data` lines the last one is kept.
#   @server-sent-stream/web 1.0.3 (Node.js): of a line with U+2028 in it, what stands before that is kept.
#   aiosseclient 0.1.8 (Python): the same for U+2028, U+0085, and the form feed; and a line `data` without a colon, which means an empty
#   line, is passed over.
#
# Expected: each `data` line is appended, with a line feed between; lines end with CR, LF or both, and with nothing else; a
# line without a colon is a field with an empty value (HTML standard, sections 9.2.5 and 9.2.6).
# Seen: as above, without an error. eventsource 5.1.5 and httpx-sse 0.4.3 hand out all of it.
#
# A text of several lines is sent as several `data` lines, and JSON may have U+2028 in its strings as it is (RFC 8259 section 7).
#
# Usage: findings/event-source-plus-keeps-the-last-line-of-an-event.sh
# Needs python3 with venv, pip and its index, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check aiosseclient==0.1.8 aiohttp==3.14.5 httpx==0.28.1 httpx-sse==0.4.3
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund event-source-plus@0.1.15 @server-sent-stream/web@1.0.3 eventsource@5.1.5

cat >server.py <<'PYTHON'
import http.server

STREAM = "data: one\ndata: two\n\ndata: left\u2028right\n\ndata: upper\flower\n\ndata: head\ndata\n\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(STREAM.encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON

cat >python.py <<'PYTHON'
import asyncio
import json
import sys

import httpx
from aiosseclient import aiosseclient
from httpx_sse import connect_sse

url = sys.argv[1]


async def by_aiosseclient():
    return [event.data async for event in aiosseclient(url)]


print("aiosseclient", json.dumps(asyncio.run(by_aiosseclient())))
with httpx.Client() as client, connect_sse(client, "GET", url) as source:
    print("httpx-sse", json.dumps([event.data for event in source.iter_sse()]))
PYTHON

cat >node.mjs <<'JAVASCRIPT'
import { EventSource } from 'eventsource';
import { EventSourcePlus } from 'event-source-plus';
import web from '@server-sent-stream/web';

const url = process.argv[2];
// As Python writes them: beyond ASCII by number.
const said = (name, events) => console.log(name, `[${events.map((text) => JSON.stringify(text).replace('\u2028', '\\u2028')).join(', ')}]`);
const plus = [];
let ended;
const end = new Promise((resolve) => { ended = resolve; });
const controller = new EventSourcePlus(url, { maxRetryCount: 0 }).listen({ onMessage: (message) => {
    plus.push(message.data);
    if (plus.length === 4) ended();
} });
await end;
controller.abort();
said('event-source-plus', plus);
const streamed = [];
const Stream = web.default ?? web;
for await (const event of (await fetch(url)).body.pipeThrough(new Stream())) streamed.push(event.data);
said('@server-sent-stream/web', streamed);
const heard = [];
const source = new EventSource(url);
source.onmessage = (event) => heard.push(event.data);
await new Promise((resolve) => { source.onerror = resolve; });
source.close();
said('eventsource', heard);
process.exit(0);
JAVASCRIPT

python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.05; done
{
    timeout 60 python/bin/python python.py "http://127.0.0.1:$(cat port)/" 2>/dev/null
    timeout 60 node node.mjs "http://127.0.0.1:$(cat port)/"
} | tee seen
diff - seen <<'SEEN'
aiosseclient ["one\ntwo", "left", "upper", "head"]
httpx-sse ["one\ntwo", "left\u2028right", "upper\flower", "head\n"]
event-source-plus ["two", "left\u2028right", "upper\flower", "head"]
@server-sent-stream/web ["one\ntwo", "left", "upper\flower", "head\n"]
eventsource ["one\ntwo", "left\u2028right", "upper\flower", "head\n"]
SEEN
echo "as described"
