#!/usr/bin/env bash
# respy3 0.5.0 (Python) takes the next reply for an element of a set in which one is repeated, knows no attributes, and holds all pushes for equal.
#
# Expected: "the protocol does not enforce" that the elements of a set differ, and clients "should try to handle such case"; "attributes can appear
# anywhere before a valid part of the protocol"; maps can have "any other type as field" (RESP3, specification).
# Seen: of `~2` with the number 1 twice and the status OK behind it, it makes one reply, the set of 1 and OK: each later reply is given to the command
# before the one that it belongs to. The specification's own example of an attribute is a KeyError, an array as the field of a map a TypeError. A push
# of `message` is equal to any push, since its comparison makes three values, the middle one of which is the comparison.
#
# Usage: findings/respy3-takes-the-next-reply-for-a-part-of-a-set.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check respy3==0.5.0
python/bin/python - <<'PYTHON'
from respy3.protocol import Resp3Reader


def replies(stream):
    reader, read = Resp3Reader(), []
    reader.feed(stream)
    try:
        while (reply := reader.get_object()) is not reader.sentinel:
            read.append(reply)
    except (KeyError, TypeError) as error:
        read.append(type(error).__name__)
    return read


for stream, seen in [
    (b"~2\r\n:1\r\n:2\r\n+OK\r\n+next\r\n", [{1, 2}, b"OK", b"next"]),
    (b"~2\r\n:1\r\n:1\r\n+OK\r\n+next\r\n", [{1, b"OK"}, b"next"]),
    (b"%2\r\n+a\r\n:1\r\n+a\r\n:2\r\n+b\r\n:3\r\n+next\r\n", [{b"a": 2, b"b": 3}, b"next"]),
    (b"*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n", ["KeyError"]),
    (b"%1\r\n*1\r\n:1\r\n:2\r\n", ["TypeError"]),
]:
    said = replies(stream)
    print(f"{stream!r}: {said}")
    assert said == seen
[one], [other] = replies(b">2\r\n+message\r\n+text\r\n"), replies(b">1\r\n+invalidate\r\n")
print(f"{one} == {other}: {bool(one == other)}")
assert bool(one == other) and one.push_type != other.push_type
PYTHON
echo "as described"
