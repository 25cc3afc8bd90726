#!/usr/bin/env bash
# aiosonic 1.3.3 (Python) fails at an answer in chunks with an extension, and asks again and again where a redirect names no place.
#
# Expected: "A recipient MUST ignore unrecognized chunk extensions" (RFC 9112 section 7.1.1). Location is a SHOULD in 302 (RFC 9110
# section 15.4.3): an answer without it is the answer. HEAD is repeated as HEAD behind 303 (15.4.4: "GET or HEAD").
# Seen: `5;part=1` is "invalid literal for int() with base 16". A 302 without Location is asked for six times, and then an error
# about too many redirects. Behind 303 HEAD becomes GET. Chunks without extensions and 302 with Location are read well. requests
# 2.34.2 does all of it as expected.
#
# Usage: findings/aiosonic-refuses-extensions-of-a-chunk.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check aiosonic==1.3.3 requests==2.34.2
env -u http_proxy -u HTTP_PROXY -u all_proxy -u ALL_PROXY python/bin/python - <<'PYTHON'
import asyncio
import http.server
import threading

import aiosonic
import requests

asked = []


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked.append(f"{self.command} {self.path}")
        answer = {
            "/plain": (200, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n"),
            "/extension": (200, {"Transfer-Encoding": "chunked"}, b"5;part=1\r\nhello\r\n0\r\n\r\n"),
            "/nowhere": (302, {"Content-Length": "7"}, b"nowhere"),
            "/other": (303, {"Content-Length": "0", "Location": "/end"}, b""),
            "/end": (200, {"Content-Length": "3"}, b"end"),
        }[self.path]
        self.send_response(answer[0])
        for name, value in answer[1].items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer[2])

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()


def by_requests(method, url):
    response = requests.request(method, url, allow_redirects=True)
    return response.status_code, response.content


async def by_aiosonic(method, url):
    response = await aiosonic.HTTPClient().request(url, method, follow=True)
    return response.status_code, await response.content()


def seen(ask, method, path):
    asked.clear()
    try:
        answer = ask(method, f"http://127.0.0.1:{server.server_port}{path}")
    except Exception as error:  # whatever a client calls it
        answer = type(error).__name__
    return answer, list(asked)


for method, path, right, wrong in [
    ("GET", "/plain", ((200, b"hello"), ["GET /plain"]), None),
    ("GET", "/extension", ((200, b"hello"), ["GET /extension"]), ("ValueError", ["GET /extension"])),
    ("GET", "/nowhere", ((302, b"nowhere"), ["GET /nowhere"]), ("MaxRedirects", ["GET /nowhere"] * 6)),
    ("HEAD", "/other", ((200, b""), ["HEAD /other", "HEAD /end"]), ((200, b"end"), ["HEAD /other", "GET /end"])),
]:
    one = seen(lambda *to: asyncio.run(by_aiosonic(*to)), method, path)
    other = seen(by_requests, method, path)
    print(f"{method} {path}: aiosonic {one}, requests {other}")
    assert other == right
    assert one == (wrong or right)
PYTHON
echo "as described"
