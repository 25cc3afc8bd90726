#!/usr/bin/env bash
# fastapi-range-response 0.1.1 (Python) sends a part of a new file to who asked for the rest of the old one, the whole file to who has the current
# one, and nothing for a range of one byte.
#
# Expected: if the validator of `If-Range` does not match, the server must ignore `Range`, and if it matches, it should process it (RFC 9110 section
# 13.1.5). `bytes=5-5` is one byte and `bytes=-10` the last ten (section 14.1.2). As many bytes follow as Content-Length says (section 8.6).
# Seen: with the date of another version, or an entity-tag of another one, the answer is 206 with a part of the new file. With the date of the
# current one it is 200 with all of it. The answer to `bytes=5-5` says a length of 1 and has no byte, as has a file of one byte that is asked for
# whole. `bytes=-10` raises ValueError, which makes 500. The first 600,000 of a million bytes are 600,002 behind a length of 600,000: each chunk of
# 256 KiB has one byte too many. `bytes=0-9` and `bytes=1014-` are right.
#
# A download that is resumed behind an update is half of each version, and one that could be resumed begins anew. Players ask for one byte to see
# whether they may seek.
#
# Usage: findings/fastapi-range-response-joins-two-versions-of-a-file.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check fastapi-range-response==0.1.1 starlette==1.10.0 aiofiles==25.1.0 asyncssh==2.24.1

cat >ranges.py <<'PYTHON'
import asyncio
import os
import pathlib

from fastapi_range_response import FileRangeResponse

FILE = pathlib.Path("file")


async def answer(**fields):
    """The status of an answer, its fields and its body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    response = FileRangeResponse(str(FILE), media_type="application/octet-stream")
    await response({"type": "http", "method": "GET", "path": "/file", "headers": headers}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


def ask(**fields):
    status, headers, body = asyncio.run(answer(**fields))
    return status, int(headers[b"content-length"]), body


old = bytes(range(256)) * 4
FILE.write_bytes(old)
os.utime(FILE, (1_700_000_000, 1_700_000_000))
status, headers, body = asyncio.run(answer())
assert (status, body) == (200, old)
date = headers[b"last-modified"].decode()
assert ask(range="bytes=0-9") == (206, 10, old[:10])
assert ask(range="bytes=1014-") == (206, 10, old[1014:])

for if_range, seen in [
    (date, (200, 1024, old)),
    ("Sun, 06 Nov 1994 08:49:37 GMT", (206, 24, old[1000:])),
    ('"another"', (206, 24, old[1000:])),
]:
    status, length, body = ask(range="bytes=1000-", if_range=if_range)
    print(f"the end, if it is of {'this version' if if_range == date else if_range}: {status} with {len(body)} bytes")
    assert (status, length, body) == seen

status, length, body = ask(range="bytes=5-5")
print(f"one byte: {status}, a length of {length} and {len(body)} bytes")
assert (status, length, body) == (206, 1, b"")
try:
    ask(range="bytes=-10")
except ValueError as error:
    print(f"the last ten: {error}")
else:
    raise AssertionError("the last ten bytes were sent")
FILE.write_bytes(bytes(1_000_000))
status, length, body = ask(range="bytes=0-599999")
print(f"the first 600000 of a million: {status}, a length of {length} and {len(body)} bytes")
assert (status, length, len(body)) == (206, 600_000, 600_002)
FILE.write_bytes(b"x")
assert ask() == (200, 1, b"")
PYTHON
python/bin/python ranges.py
echo "as described"
