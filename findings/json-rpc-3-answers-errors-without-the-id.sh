#!/usr/bin/env bash
# json-rpc-3 1.8.4 (Python): no error has the id of its request, and a time from west of Greenwich comes back a day off.
#
# Expected: JSON-RPC 2.0, section 5: the id of a response "MUST be the same" as that of the request; null is for a request whose id could not be
# detected. Its `json_datetime_default` and `json_datetime_hook` write and read aware times.
# Seen: a method that there is not, a wrong number of parameters and a fault of the method are answered with the id null, each time, so that in a
# batch of three failures nobody can tell which is whose; results have their id. Noon at -05:00 is read back as noon at +19:00, 24 hours earlier, for
# of the offset only the seconds are written, not the day that is subtracted; +02:00 is right.
#
# From Python 3.10 on the package is imported only with collections.MutableMapping put back, which is done here.
#
# Usage: findings/json-rpc-3-answers-errors-without-the-id.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check json-rpc-3==1.8.4
python/bin/python - <<'PYTHON'
import collections
import collections.abc
import json
from datetime import datetime, timedelta, timezone

collections.MutableMapping = collections.abc.MutableMapping
from jsonrpc.manager import JSONRPCResponseManager
from jsonrpc.utils import json_datetime_default, json_datetime_hook

methods = {"add": lambda a, b: a + b, "divide": lambda a, b: a / b}
calls = [("add", [1, 2]), ("nothing", []), ("add", [1]), ("divide", [1, 0])]
batch = [{"jsonrpc": "2.0", "method": name, "params": params, "id": number} for number, (name, params) in enumerate(calls, 1)]
answers = json.loads(JSONRPCResponseManager().handle(json.dumps(batch), methods).json)
for answer in answers:
    print(answer)
assert [answer["id"] for answer in answers] == [1, None, None, None]
assert [answer["error"]["code"] for answer in answers[1:]] == [-32601, -32602, -32000]

off = []
for hours in (2, 0, -5):
    noon = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=hours)))
    back = json.loads(json.dumps(noon, default=json_datetime_default), object_hook=json_datetime_hook)
    off.append(back - noon)
print([str(delta) for delta in off])
assert off == [timedelta(0), timedelta(0), timedelta(days=-1)]
PYTHON
echo "as described"
