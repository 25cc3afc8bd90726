#!/usr/bin/env bash
# ajsonrpc 1.2.0 (Python): a fault inside a method of an object is answered as wrong parameters, and a text for parameters is taken letter by letter.
#
# Expected: JSON-RPC 2.0, section 5.1: -32602 is for invalid parameters, -32000 to -32099 for faults of the server (it has -32000 for them). Section
# 4.2: parameters, if there are any, are an array or an object; section 7: to a request that is none one error is answered, with the id null.
# Seen: a method that raises a KeyError is "Server error" when it is a function, and "Invalid params" when it came by `add_object`, whatever it
# raises: what is no plain function is never looked at. A function of `*args` that raises likewise. `"params": "bar"` calls the method with b, a and
# r. The payload `"abc"`, a JSON text, is answered by a batch of three errors.
#
# Usage: findings/ajsonrpc-takes-a-fault-of-a-method-for-wrong-parameters.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check ajsonrpc==1.2.0
python/bin/python - <<'PYTHON'
import asyncio
import json

from ajsonrpc import AsyncJSONRPCResponseManager, Dispatcher


class Shop:
    def price(self, name):
        return {"apple": 1}[name]


def price(name):
    return {"apple": 1}[name]


def prices(*names):
    return [price(name) for name in names]


def letters(a, b, c):
    return [a, b, c]


dispatcher = Dispatcher()
dispatcher.add_object(Shop(), prefix="shop.")
for function in (price, prices, letters):
    dispatcher.add_function(function)
manager = AsyncJSONRPCResponseManager(dispatcher)


def ask(payload):
    return json.loads(asyncio.run(manager.get_payload_for_payload(json.dumps(payload))))


def call(method, params):
    return ask({"jsonrpc": "2.0", "method": method, "params": params, "id": 1})


codes = [call(*request)["error"]["code"] for request in (("price", ["pear"]), ("shop.price", ["pear"]), ("prices", ["apple", "pear"]))]
assert call("shop.price", ["apple"])["result"] == 1
taken, text = call("letters", "bar")["result"], ask("abc")
print(f"the same fault: {codes}; a text for parameters: {taken}; a text: {len(text)} errors")
assert codes == [-32000, -32602, -32602]
assert taken == ["b", "a", "r"] and len(text) == 3
PYTHON
echo "as described"
