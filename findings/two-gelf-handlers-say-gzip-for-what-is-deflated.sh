#!/usr/bin/env bash
# pygelf 0.4.3 and python-graylog 0.3.0 (Python) say `Content-Encoding: gzip,deflate` over HTTP for a body that is deflated once; asyncgelf 1.2.0 says
# it for one that is not compressed at all.
#
# Expected: Content-Encoding lists "what codings have been applied to the representation ... in the order in which they were applied" (RFC 9110
# section 8.4).
# Seen: a reader that undoes both, deflate and then gzip, finds JSON where it looks for gzip: the decoder of httpx 0.28.1 fails. With `deflate` alone
# it reads the messages of the first two. A collector that goes by the field, as HTTP has it, can read none of them.
#
# Usage: findings/two-gelf-handlers-say-gzip-for-what-is-deflated.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pygelf==0.4.3 python-graylog==0.3.0 asyncgelf==1.2.0 httpx==0.28.1
python/bin/python - <<'PYTHON'
import asyncio
import http.server
import logging
import threading

import asyncgelf
import httpx
from graylog import GELFHTTPHandler
from pygelf import GelfHttpHandler

received = []


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received.append((self.headers["Content-Encoding"], self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(202)
        self.end_headers()
        told.set()

    def log_message(self, *what):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
host, port = server.server_address
record = logging.LogRecord("service", logging.INFO, "file.py", 1, "message", None, None)


def readable(coding, body):
    try:
        return b"message" in httpx.Response(200, headers={"Content-Encoding": coding}, content=body).content
    except httpx.DecodingError:
        return False


for name, send, deflated in [
    ("pygelf", lambda: GelfHttpHandler(host, port).emit(record), True),
    ("python-graylog", lambda: GELFHTTPHandler(host, port).emit(record), True),
    ("asyncgelf", lambda: asyncio.run(asyncgelf.GelfHttp(host, port=port, compress=True).http_handler("message")), False),
]:
    told = threading.Event()
    send()
    assert told.wait(10)
    coding, body = received.pop()
    print(f"{name}: {coding}; the body begins {body[:2]!r}; read so: {readable(coding, body)}, as deflate: {readable('deflate', body)}")
    assert coding == "gzip,deflate"
    assert not readable(coding, body) and readable("deflate", body) == deflated
    assert body.startswith(b"{") != deflated
PYTHON
echo "as described"
