#!/usr/bin/env bash
# bthlabs-jsonrpc-core 1.0.0 (Python): a batch of one request is answered by an object, and a batch of numbers, an example of JSON-RPC, by an
# exception.
#
# Expected: JSON-RPC 2.0, section 6: to a batch, an array, the server answers by an array of the responses; section 7, its examples: `[1]` is answered
# by an array with one error, -32600 and the id null; `{"jsonrpc": "2.0", "method": 1, "params": "bar"}` by that error alone.
# Seen: of `[request]`, and of `[request, notification]`, the response comes alone, so that the answer to a batch has one kind or the other by how
# many of its calls are notifications; a client that reads an array of it fails. `[1]` is an AttributeError out of `execute`. To the other example, as
# to `{}`, nothing is answered. Two requests are right.
#
# Usage: findings/bthlabs-jsonrpc-core-answers-a-batch-of-one-without-the-array.sh
# Needs python3 (3.10 or later) with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check bthlabs-jsonrpc-core==1.0.0
python/bin/python - <<'PYTHON'
import json

from bthlabs_jsonrpc_core import Executor, register_method


@register_method("add")
def add(a, b):
    return a + b


def ask(payload):
    try:
        serializer = Executor().execute(json.dumps(payload).encode())
    except AttributeError as error:
        return str(error)
    return None if serializer is None else serializer.data


request = {"jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": 1}
notification = {"jsonrpc": "2.0", "method": "add", "params": [1, 2]}
response = {"jsonrpc": "2.0", "id": 1, "result": 3}
said = [ask(batch) for batch in ([request, request], [request], [request, notification], [1], {}, {"jsonrpc": "2.0", "method": 1, "params": "bar"})]
print(said)
assert said == [[response, response], response, response, "'int' object has no attribute 'get'", None, None]
PYTHON
echo "as described"
