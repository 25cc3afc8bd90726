#!/usr/bin/env bash
# Three clients for Python, httpx 0.28.1, httplib2 0.32.1 and aiosonic 1.3.3, hand out the first member of a gzip body and lose the rest.
#
# Expected: "a gzip file consists of a series of members", which "appear one after another" (RFC 1952 section 2.2), and the coding gzip is
# that format (RFC 9110 section 8.4.1.3). `gzip -d` and browsers read all members.
# Seen: of a body of three members, with the right Content-Length and status 200, they hand out the text of the first one. No
# error. requests 2.34.2 and aiohttp 3.14.5 read all of it.
#
# Servers send such bodies where compressed pieces are put together: logs that are rotated and appended, archives of the web, and
# answers whose parts come from a cache.
#
# Usage: findings/httpx-loses-what-is-behind-the-first-member-of-gzip.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check httpx==0.28.1 httplib2==0.32.1 aiosonic==1.3.3 aiohttp==3.14.5 requests==2.34.2
env -u http_proxy -u HTTP_PROXY -u all_proxy -u ALL_PROXY python/bin/python - <<'PYTHON'
import asyncio
import gzip
import http.server
import threading

import aiohttp
import aiosonic
import httplib2
import httpx
import requests


class Members(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"".join(gzip.compress(part) for part in (b"one ", b"two ", b"three"))
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Members)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"


async def by_aiohttp():
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


async def by_aiosonic():
    return await (await aiosonic.HTTPClient().get(url)).content()


for name, expected, body in [
    ("requests", b"one two three", requests.get(url).content),
    ("aiohttp", b"one two three", asyncio.run(by_aiohttp())),
    ("httpx", b"one ", httpx.get(url).content),
    ("httplib2", b"one ", httplib2.Http().request(url)[1]),
    ("aiosonic", b"one ", asyncio.run(by_aiosonic())),
]:
    print(f"{name}: {body}")
    assert body == expected
PYTHON
echo "as described"
