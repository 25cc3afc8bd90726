#!/usr/bin/env bash
# Four clients for Python take an interim response for the answer: requests 2.34.2, urllib of Python 3.11, httplib2 0.32.1 and
# aiosonic 1.3.3. The first three are built on http.client.
#
# Expected: "A client MUST be able to parse one or more 1xx responses received prior to a final response, even if the client does not
# expect one" (RFC 9110 section 15.2).
# Seen: of a server that sends 103 with a Link before 200, they hand out status 103 with an empty body, urllib as an error; the answer
# is left unread. 102 does the same. 100 is passed over, but not by aiosonic. httpx 0.28.1 and aiohttp 3.14.5 hand out the answer.
#
# A server must not send early hints to such a client: scripts and health checks in Python are told that an empty page is all.
#
# Usage: findings/python-requests-takes-early-hints-for-the-answer.sh
# Needs python3 of version 3.11 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check httpx==0.28.1 httplib2==0.32.1 aiosonic==1.3.3 aiohttp==3.14.5 requests==2.34.2
env -u http_proxy -u HTTP_PROXY -u all_proxy -u ALL_PROXY python/bin/python - <<'PYTHON'
import asyncio
import socket
import threading
import urllib.error
import urllib.request

import aiohttp
import aiosonic
import httplib2
import httpx
import requests

listener = socket.create_server(("127.0.0.1", 0))


def serve():
    while True:
        connection, _ = listener.accept()
        interim = connection.recv(65536).split()[1][1:].decode()
        try:
            connection.sendall(
                f"HTTP/1.1 {interim} Interim\r\nLink: </style.css>; rel=preload\r\n\r\n".encode()
                + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage"
            )
        finally:
            connection.close()


threading.Thread(target=serve, daemon=True).start()


def by_urllib(url):
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def by_httplib2(url):
    response, body = httplib2.Http().request(url)
    return response.status, body


async def by_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.read()


async def by_aiosonic(url):
    response = await aiosonic.HTTPClient().get(url)
    return response.status_code, await response.content()


for interim in (100, 103, 102):
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/{interim}"
    for name, is_wrong, ask in [
        ("requests", interim != 100, lambda url: ((response := requests.get(url)).status_code, response.content)),
        ("httpx", False, lambda url: ((response := httpx.get(url)).status_code, response.content)),
        ("aiohttp", False, lambda url: asyncio.run(by_aiohttp(url))),
        ("urllib", interim != 100, by_urllib),
        ("httplib2", interim != 100, by_httplib2),
        ("aiosonic", True, lambda url: asyncio.run(by_aiosonic(url))),
    ]:
        answer = ask(url)
        print(f"{name}: behind {interim}: {answer}")
        assert answer == ((interim, b"") if is_wrong else (200, b"page")), name
PYTHON
echo "as described"
