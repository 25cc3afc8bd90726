#!/usr/bin/env bash
# larzrpc 0.1.0 (JSON-RPC 2.0 in Python): to what is no request it says nothing; its client cannot notify over the transport that it documents.
#
# Expected: JSON-RPC 2.0, section 7, its own examples: `{"jsonrpc": "2.0", "method": 1, "params": "bar"}` is answered by the error -32600 with the id
# null, and so is `[{"foo": "boo"}]` within a batch; a notification is a *valid* request without an id. Section 5.1: -32602 is for invalid parameters
# of a method. Its documentation of `transport=`: a callable taking a request dict and returning a response dict.
# Seen: both examples are taken for notifications, and nothing comes back. A TypeError out of the method itself, called with the parameters that it
# takes, is answered as -32602 in place of an internal error. With `transport=app.dispatch` a call works and `notify` raises a TypeError, for it gives
# the callable one argument more.
#
# Usage: findings/larzrpc-says-nothing-to-an-invalid-request.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzrpc==0.1.0
python/bin/python - <<'PYTHON'
import json

from larzrpc import RPCClient, RPCServer

app = RPCServer()


@app.method
def broken(a):
    return len(a + 1)


@app.method
def add(a, b):
    return a + b


single = app.handle_json("""{"jsonrpc": "2.0", "method": 1, "params": "bar"}""")
batch = app.handle_json("""[{"foo": "boo"}]""")
number = json.loads(app.handle_json("[1]"))[0]["error"]["code"]
code = json.loads(app.handle_json("""{"jsonrpc": "2.0", "method": "broken", "params": [1], "id": 1}"""))["error"]["code"]
print(f"no request: {single}; in a batch: {batch}; a number in a batch: {number}; a fault of the method: {code}")
api = RPCClient(transport=app.dispatch)
try:
    api.notify("add", 1, 2)
    notified = None
except TypeError as error:
    notified = str(error)
print(f"a call: {api.add(1, 2)}; a notification: {notified}")
assert single is None and batch is None and number == -32600 and code == -32602
assert api.add(1, 2) == 3 and "expect_response" in notified
PYTHON
echo "as described"
