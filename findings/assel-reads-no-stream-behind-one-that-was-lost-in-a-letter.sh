#!/usr/bin/env bash
# assel 1.0.0 (Python) reads no other stream of events from when one ends in the middle of a letter, and none beside one that is in the middle of a
# letter.
#
# Expected: "you put in the unmodified chunks of bytes you get from your IO" (its documentation of `receive_bytes`), one `Parser` for each stream; a
# stream is decoded by itself as UTF-8 (HTML, server-sent events, section on parsing).
# Seen: the decoder, with the bytes that it keeps, belongs to the class. Where a stream has sent the first byte of `é`, the next chunk of any other
# stream fails with UnicodeDecodeError, and so does the one after it, until the rest of the letter comes. If the connection is lost there, it never
# comes: each new stream of the process fails with its first chunk, for ever. Two streams at once that are divided between letters are right, and so
# is one alone that is divided at any byte.
#
# A client that connects again, as the protocol wants it, reads nothing until it is started anew, sooner the farther from ASCII its language is.
#
# Usage: findings/assel-reads-no-stream-behind-one-that-was-lost-in-a-letter.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check assel==1.0.0

cat >streams.py <<'PYTHON'
import assel


def give(parser, chunk):
    try:
        return [event.data for event in parser.receive_bytes(chunk)]
    except UnicodeDecodeError as error:
        return type(error).__name__


def check(name, said, seen):
    print(f"{name}: {said}")
    assert said == seen, seen


stream = "data: café\n\n".encode()
for cut in range(len(stream) + 1):
    parser = assel.Parser()
    assert give(parser, stream[:cut]) + give(parser, stream[cut:]) == ["café"], cut
print("one stream, divided at any byte: right")

one, other = assel.Parser(), assel.Parser()
between = [give(one, b"data: caf"), give(other, b"data: plain\n\n"), give(one, "é\n\n".encode())]
check("two streams, between letters", between, [[], ["plain"], ["café"]])

one, other = assel.Parser(), assel.Parser()
inside = [give(one, b"data: caf\xc3"), give(other, b"data: plain\n\n"), give(other, b"data: again\n\n"), give(one, b"\xa9\n\n")]
check("two streams, inside a letter", inside, [[], "UnicodeDecodeError", "UnicodeDecodeError", ["café"]])
check("the other one behind it", give(other, b"data: third\n\n"), ["third"])

lost = assel.Parser()
assert give(lost, b"data: caf\xc3") == []
del lost
later = [give(assel.Parser(), b"data: plain\n\n") for _ in range(5)]
check("five new streams behind one that was lost", later, ["UnicodeDecodeError"] * 5)
PYTHON
python/bin/python streams.py
echo "as described"
