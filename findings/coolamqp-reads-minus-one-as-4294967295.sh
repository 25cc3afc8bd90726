#!/usr/bin/env bash
# coolamqp 2.1.2 (Python) reads negative numbers of a table as large ones, and fails on an empty value.
#
# Expected: in a field table `I` is a signed number of 32 bits, `L` one of 64, `U` one of 16, and `V` a value that is empty (AMQP 0-9-1,
# section 4.2.1: `'U' short-int`, `'I' long-int`, `'L' long-long-int`, `'V'` "no field").
# Seen: `deframe_table` takes `I`, `L` and `U` for unsigned and `i`, `l` and `u` for signed, the reverse: of the table that amqp 5.4.2, the library
# of Celery, writes for -1 and -2**40 it reads 4294967295 and 18446742974197923840. An empty value, as Celery puts several into
# each message, raises "cannot unpack non-iterable NoneType object". Positive numbers and texts are right.
#
# The headers of a Celery program's messages cannot be read.
#
# Usage: findings/coolamqp-reads-minus-one-as-4294967295.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check CoolAMQP==2.1.2 amqp==5.4.2 setuptools==80.9.0

cat >tables.py <<'PYTHON'
import io
import struct

from amqp.serialization import dumps, loads
from coolamqp.framing.field_table import deframe_table


def read(raw):
    try:
        fields, _ = deframe_table(memoryview(raw), 0)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return {bytes(name).decode(): bytes(value).decode() if isinstance(value, memoryview) else value for name, (value, _) in fields}


for table, seen in (
    ({"task": "add", "retries": 3, "big": 2**40}, {"task": "add", "retries": 3, "big": 2**40}),
    ({"delta": -1, "big": -(2**40)}, {"delta": 4294967295, "big": 18446742974197923840}),
    ({"task": "add", "expires": None, "retries": 3}, "TypeError: cannot unpack non-iterable NoneType object"),
):
    raw = dumps("F", [table])
    assert loads("F", raw, 0)[0][0] == table
    said = read(raw)
    print(f"{table}: {said}")
    assert said == seen, said

# Each of the six kinds of integer with all bits set: signed ones are -1.
for kind, size, signed in (("U", 2, True), ("u", 2, False), ("I", 4, True), ("i", 4, False), ("L", 8, True), ("l", 8, False)):
    field = b"\x01n" + kind.encode() + b"\xff" * size
    said = read(struct.pack("!I", len(field)) + field)["n"]
    print(f"{kind} of {size} bytes, all bits set: {said}")
    assert (said == -1) != signed
PYTHON
python/bin/python tables.py
echo "as described"
