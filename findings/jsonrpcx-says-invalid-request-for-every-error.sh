#!/usr/bin/env bash
# jsonrpcx 4.1.0 (Python) says "Invalid Request" for every error, and finds no method `rpc.discover`, which it has.
#
# Expected: -32700 for what is no JSON, -32601 for a method that there is not, -32602 for wrong parameters, and no answer to a notification
# (JSON-RPC 2.0 sections 4.1 and 5.1). It "plays nice with OpenRPC" (README), whose servers have `rpc.discover` (OpenRPC, service discovery method);
# its code gives that name to `rpcDiscover`.
# Seen: WSGIServer answers -32600 with the text "Invalid Request" and the data "No Request" to each of these: the code that is found is logged and
# forgotten. `rpc.discover` has that answer too, since the line for `rpc.cancel` overwrites it, and `rpcDiscover` answers. A notification is
# answered with the id null. A right call is right.
#
# A client cannot tell an old server from its own mistake, and asks again where it should give up.
#
# Usage: findings/jsonrpcx-says-invalid-request-for-every-error.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check jsonrpcx==4.1.0

cat >server.py <<'PYTHON'
import io
import json
import logging

import jsonrpcx


class Server(jsonrpcx.WSGIServer):
    def add(self, one, other):
        return one + other


logging.disable()
server = Server()


def ask(request):
    body = (request if isinstance(request, str) else json.dumps(request)).encode()
    environment = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return json.loads(b"".join(server.parseRequest(environment, lambda status, headers: None)))


def call(method, *params):
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


right = ask(call("add", 1, 2))
print(f"a call: {right}")
assert right == {"jsonrpc": "2.0", "id": 7, "result": 3}
for name, request, number, expected in [
    ("no JSON", "{", None, -32700),
    ("a method that there is not", call("subtract", 1, 2), 7, -32601),
    ("a parameter too many", call("add", 1, 2, 3), 7, -32602),
    ("rpc.discover", call("rpc.discover"), 7, "a result"),
]:
    said = ask(request)
    print(f"{name}: {said['error']}, expected {expected}")
    assert said == {"jsonrpc": "2.0", "id": number, "error": {"code": -32600, "message": "Invalid Request", "data": "No Request"}}
discovered = ask(call("rpcDiscover"))
print(f"rpcDiscover: OpenRPC {discovered['result']['openrpc']}")
assert "add" in [method["name"] for method in discovered["result"]["methods"]]
notified = ask({"jsonrpc": "2.0", "method": "add", "params": [1, 2]})
print(f"a notification: {notified}")
assert notified == {"jsonrpc": "2.0", "id": None, "result": 3}
PYTHON
python/bin/python server.py
echo "as described"
