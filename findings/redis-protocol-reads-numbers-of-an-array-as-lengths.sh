#!/usr/bin/env bash
# redis-protocol 0.0.2 (Python) reads the numbers of an array as lengths of texts, leaves the line end in a status, and joins the arguments of a
# command.
#
# Expected: the elements of an array may be of any type, of which `*3\r\n:1\r\n:2\r\n:3\r\n` is the example, and `+OK\r\n` is the status OK (Redis
# serialization protocol, specification). "Redis Protocol implemented by python" (its summary).
# Seen: `*1\r\n:5\r\nhello...` takes the five bytes behind the number for the element; the example fails with "invalid literal for int()". Of
# `+OK\r\n` it gives `OK\r\n`. A command SET with the arguments `a b` and `c` is read as `SET a b c`, as one with three arguments is.
#
# Usage: findings/redis-protocol-reads-numbers-of-an-array-as-lengths.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check redis-protocol==0.0.2
python/bin/python - <<'PYTHON'
from redis_protocol import decode, encode, parse_stream


def read(reply):
    try:
        return decode(reply)
    except ValueError as error:
        return f"ValueError: {error}"


for reply, seen in [
    ("*2\r\n$3\r\nfoo\r\n$3\r\nbar\r\n", ["foo", "bar"]),
    (":1000\r\n", [1000]),
    ("*3\r\n:1\r\n:2\r\n:3\r\n", "ValueError: invalid literal for int() with base 10: ':3'"),
    ("*1\r\n:5\r\n+next\r\n", ["+next"]),
    ("+OK\r\n", [True, "OK\r\n"]),
    ("-ERR unknown\r\n", [False, "ERR unknown\r\n"]),
]:
    said = read(reply)
    print(f"{reply!r}: {said!r}")
    assert said == seen
commands = [parse_stream(encode(*words)) for words in (("SET", "a b", "c"), ("SET", "a", "b c"), ("SET", "a", "b", "c"))]
print(f"three different commands: {commands}")
assert commands == [["SET a b c"]] * 3
PYTHON
echo "as described"
