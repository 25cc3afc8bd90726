#!/usr/bin/env bash
# py-sse-client 1.0.1 (Python) tells the last event again for each comment that keeps the connection alive, and keeps an event's name for the next
# one.
#
# Expected: a line that begins with a colon is ignored; an empty line dispatches an event if there is data, and the name and the data are empty again
# behind it; several lines of data are one text; one blank behind the colon is no part of the value (HTML standard, section 9.2.6).
# Seen: the same object is given for each empty line. Behind a comment and an empty line the callback gets the last event a second time; an event
# without a name has that of the one before it. The name in `event: added` begins with a blank. Of two lines of data the last one counts. An event
# whose data is no JSON ends the client.
#
# Usage: findings/py-sse-client-tells-the-last-event-again-for-each-comment.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check py-sse-client==1.0.1 aiohttp==3.14.5
python/bin/python - <<'PYTHON'
import asyncio

from aiohttp import web
from pysse import Client


def stream(text):
    async def handle(request):
        return web.Response(text=text, content_type="text/event-stream")

    return handle


async def told(text):
    server = web.Application()
    server.router.add_get("/", stream(text))
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    events = []
    try:
        await Client(f"http://127.0.0.1:{port}/", lambda event: events.append((event.name, event.data))).connect()
    except ValueError as error:
        events.append(type(error).__name__)
    await runner.cleanup()
    return events


async def main():
    for text, seen in [
        ("event:added\ndata:1\n\n", [("added", 1)]),
        ("event:added\ndata:1\n\n: still here\n\n: still here\n\n", [("added", 1)] * 3),
        ("event:added\ndata:1\n\ndata:2\n\n", [("added", 1), ("added", 2)]),
        ("event: added\ndata: 1\n\n", [(" added", 1)]),
        ("data:[1,\ndata:2]\n\n", ["JSONDecodeError"]),
        ("data:1\ndata:2\n\n", [("", 2)]),
    ]:
        events = await told(text)
        print(f"{text!r}: {events}")
        assert events == seen


asyncio.run(main())
PYTHON
echo "as described"
