#!/usr/bin/env bash
# asgi-etags 0.2.1 (Python): a PUT with an If-Match that does not hold is carried out, and then refused; an answer in parts is begun twice.
#
# Expected: RFC 9110, section 13.1.1: if the condition of If-Match is false, the server "MUST NOT perform the requested method"; `*` holds for any
# representation there is, and a list of entity tags holds if one of them does; section 13.1.2: the same of If-None-Match. ASGI: one
# `http.response.start`, then bodies; `body` and `more_body` may be left out.
# Seen: the tag is compared behind the application: the client reads 412, and the value is overwritten. `If-Match: *` is 412 for everything. Of
# `If-None-Match: "x", "the tag"` it sees no match, so the whole answer is sent each time. For an answer in two parts the start is sent twice, with a
# tag of each part, and a last message without a body is a KeyError.
#
# Usage: findings/asgi-etags-carries-out-a-put-that-it-refuses.sh
# Needs python3 (3.11 or later) with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check asgi_etags==0.2.1
python/bin/python - <<'PYTHON'
import asyncio
import hashlib

from asgi_etags import ETagMiddleware

store = {"value": b"one"}


def tag_of(body):
    return f"\"{hashlib.sha1(body).hexdigest()}\""


async def application(scope, receive, send):
    if scope["method"] == "PUT":
        store["value"] = b"two"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": store["value"]})


async def parts(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b", "more_body": True})
    await send({"type": "http.response.body"})


def ask(app, method="GET", **headers):
    sent = []

    async def send(message):
        sent.append(message)

    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/", "headers": fields}
    try:
        asyncio.run(ETagMiddleware(app, tag_of)(scope, None, send))
    except KeyError as error:
        sent.append({"type": f"KeyError {error}"})
    return sent


first = tag_of(b"one")
plain = int(ask(application, if_none_match=first)[0]["status"])
listed = ask(application, if_none_match=f"\"x\", {first}")[0]["status"]
star = int(ask(application, if_match="*")[0]["status"])
refused = int(ask(application, "PUT", if_match="\"of yesterday\"")[0]["status"])
print(f"the tag: {plain}, in a list: {listed}, If-Match: *: {star}; a PUT: {refused}, and the value is {store}")
assert (plain, listed, star, refused) == (304, 200, 412, 412) and store["value"] == b"two"
kinds = [message["type"] for message in ask(parts)]
print(kinds)
start, body = "http.response.start", "http.response.body"
assert kinds == [start, body, start, body, "KeyError 'body'"]
PYTHON
echo "as described"
