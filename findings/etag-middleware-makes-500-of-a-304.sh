#!/usr/bin/env bash
# etag-middleware 0.2.0 (Python, for Starlette and FastAPI): an application that answers 304 itself is answered for with 500.
#
# Expected: a middleware lets through what the application decided; ASGI: a response is a start and at least one body. RFC 9110, section 13.1.2:
# If-None-Match is a list of entity tags, compared weakly, so that W/"v1" matches W/"v1".
# Seen: a start with the status 304 is not sent on, nor is its body: nothing is sent, and uvicorn 0.34.0 makes 500 of it. Where it makes the 304
# itself, for an application that set an ETag, the start is sent and no body: uvicorn complains, and closes the connection that the client wanted to
# keep. The weak tag of an application never matches, for W/ is taken from the one of the client alone; nor does a tag in a list of two.
#
# Usage: findings/etag-middleware-makes-500-of-a-304.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check etag-middleware==0.2.0 starlette==0.41.3 uvicorn==0.34.0
python/bin/python - <<'PYTHON'
import http.client
import threading
import time

import uvicorn
from etag import ETagMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

answers = {
    "/own": lambda _: Response(status_code=304),
    "/strong": lambda _: Response(b"x" * 100, headers={"etag": "\"v1\""}),
    "/weak": lambda _: Response(b"x" * 100, headers={"etag": "W/\"v1\""}),
    "/computed": lambda _: Response(b"x" * 100),
}
app = Starlette(routes=[Route(path, answer) for path, answer in answers.items()], middleware=[Middleware(ETagMiddleware)])
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", log_config=None))
threading.Thread(target=server.run, daemon=True).start()
while not server.started:
    time.sleep(0.05)
port = server.servers[0].sockets[0].getsockname()[1]


def ask(path, tag=None):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"If-None-Match": tag} if tag else {})
    response = connection.getresponse()
    response.read()
    time.sleep(0.3)
    kept = connection.sock is not None
    if kept:
        connection.sock.setblocking(False)
        try:
            kept = connection.sock.recv(1) != b""
        except BlockingIOError:
            pass
    connection.close()
    return response.status, kept, response.getheader("etag")


tag = ask("/computed")[2]
said = {
    "its own 304": ask("/own")[0],
    "a strong tag": ask("/strong", "\"v1\"")[:2],
    "a weak tag": ask("/weak", "W/\"v1\"")[:2],
    "a computed tag": ask("/computed", tag)[:2],
    "in a list": ask("/computed", f"\"v0\", {tag}")[:2],
}
print(said)
assert said == {
    "its own 304": 500,
    "a strong tag": (304, False),
    "a weak tag": (200, True),
    "a computed tag": (304, True),
    "in a list": (200, True),
}
PYTHON
echo "as described"
