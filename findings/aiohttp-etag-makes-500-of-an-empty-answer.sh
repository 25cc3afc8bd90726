#!/usr/bin/env bash
# aiohttp-etag 0.0.1 (Python): a GET that is answered without a body is 500, and one that is 404 becomes 304.
#
# Expected: "The library provides Etag support for aiohttp.web", for all answers of the application: `web.Response(status=204)` is one. RFC 9110,
# section 13.2.1: a server ignores conditions when the answer without them would be anything but a 2xx (or a 412); `If-None-Match: *` asks whether
# there is a representation.
# Seen: behind `setup(app)` each answer whose body is None, as a 204 is or a redirect without a text, ends in a TypeError and a 500. A 404 with a text
# of its own gets an ETag, and with `If-None-Match: *`, or with that tag, the client is told 304, that what it has is fresh.
#
# Usage: findings/aiohttp-etag-makes-500-of-an-empty-answer.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check aiohttp-etag==0.0.1 aiohttp==3.11.11
python/bin/python - <<'PYTHON'
import asyncio
import logging

import aiohttp
import aiohttp_etag
from aiohttp import web

logging.disable(logging.CRITICAL)


async def empty(_):
    return web.Response(status=204)


async def moved(_):
    return web.Response(status=302, headers={"Location": "/found"})


async def missing(_):
    return web.json_response({"error": "no such thing"}, status=404)


async def statuses(with_tags):
    app = web.Application()
    if with_tags:
        aiohttp_etag.setup(app)
    app.add_routes([web.get("/empty", empty), web.get("/moved", moved), web.get("/missing", missing)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    said = []
    async with aiohttp.ClientSession() as session:
        for path, headers in (("empty", {}), ("moved", {}), ("missing", {}), ("missing", {"If-None-Match": "*"})):
            async with session.get(f"{base}/{path}", headers=headers, allow_redirects=False) as response:
                said.append(response.status)
    await runner.cleanup()
    return said


plain, tagged = asyncio.run(statuses(False)), asyncio.run(statuses(True))
print(f"without it {plain}, with it {tagged}")
assert plain == [204, 302, 404, 404] and tagged == [500, 500, 404, 304]
PYTHON
echo "as described"
