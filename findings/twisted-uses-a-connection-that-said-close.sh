#!/usr/bin/env bash
# Twisted 26.10.0 (Python), `Agent` with a persistent pool, as treq has: a connection whose server says `Close`, or
# `close` beside another option, or speaks HTTP/1.0, is kept, and the next request sent on it is lost.
#
# Expected: options of Connection are a list, and compared without regard to case (RFC 9110 section 7.6.1); behind a response
# with `close`, or of HTTP/1.0 without `keep-alive`, a connection is not used again (RFC 9112 sections 9.3 and 9.6).
# Seen: `Connection: close` is obeyed. With `Connection: Close`, `Connection: TE, close`, and HTTP/1.0 a second POST is written to
# the connection that the server is about to close, and fails with ResponseNeverReceived (a GET is sent again). aiosonic 1.3.3
# does so with HTTP/1.0. requests 2.34.2 opens a second connection in each of the four cases.
#
# Usage: findings/twisted-uses-a-connection-that-said-close.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check Twisted==26.10.0 aiosonic==1.3.3 requests==2.34.2
cat >close.py <<'PYTHON'
import asyncio
import socket
import sys
import threading

HEADS = {
    "close": b"HTTP/1.1 200 OK\r\nConnection: close",
    "Close": b"HTTP/1.1 200 OK\r\nConnection: Close",
    "TE, close": b"HTTP/1.1 200 OK\r\nConnection: TE, close",
    "HTTP/1.0": b"HTTP/1.0 200 OK",
}
late = 0


def head_of(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(4096)
        if not received:
            return None
        head += received
    return head


def serve(connection, answer):
    """Answers one request a connection. A further one is counted, and not answered."""
    global late
    connection.settimeout(10)
    with connection:
        if head_of(connection):
            connection.sendall(answer + b"\r\nContent-Length: 2\r\n\r\nok")
            if head_of(connection):
                late += 1


def listen(answer):
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], answer), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


async def by_twisted(url):
    from twisted.internet import reactor
    from twisted.web.client import Agent, HTTPConnectionPool, readBody

    agent = Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=True))
    for _ in range(2):
        await readBody(await agent.request(b"POST", url.encode()))


async def by_aiosonic(url):
    import aiosonic

    async with aiosonic.HTTPClient() as client:
        for _ in range(2):
            await (await client.post(url)).content()


def by_requests(url):
    import requests

    with requests.Session() as session:
        for _ in range(2):
            session.post(url)


def told(name, error):
    """What became of the second request, in one line."""
    print(f"{name}: {late} request on a closed connection, {error or 'no error'}", flush=True)


library, name = sys.argv[1:]
url = listen(HEADS[name])
if library == "twisted":
    from twisted.internet import defer, task

    async def main(_):
        try:
            await by_twisted(url)
        except Exception as error:
            return told(f"twisted, {name}", type(error).__name__)
        told(f"twisted, {name}", None)

    task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
else:
    error = None
    try:
        if library == "aiosonic":
            asyncio.run(by_aiosonic(url))
        else:
            by_requests(url)
    except Exception as raised:
        error = type(raised).__name__
    told(f"{library}, {name}", error)
PYTHON
for library in twisted aiosonic requests; do
    for name in close Close 'TE, close' HTTP/1.0; do
        timeout 60 python/bin/python -W ignore close.py "$library" "$name"
    done
done | tee seen
diff - seen <<'SEEN'
twisted, close: 0 request on a closed connection, no error
twisted, Close: 1 request on a closed connection, ResponseNeverReceived
twisted, TE, close: 1 request on a closed connection, ResponseNeverReceived
twisted, HTTP/1.0: 1 request on a closed connection, ResponseNeverReceived
aiosonic, close: 0 request on a closed connection, no error
aiosonic, Close: 0 request on a closed connection, no error
aiosonic, TE, close: 0 request on a closed connection, no error
aiosonic, HTTP/1.0: 1 request on a closed connection, ConnectionDisconnected
requests, close: 0 request on a closed connection, no error
requests, Close: 0 request on a closed connection, no error
requests, TE, close: 0 request on a closed connection, no error
requests, HTTP/1.0: 0 request on a closed connection, no error
SEEN
echo "as described"
