#!/usr/bin/env bash
# stomper 0.4.3 (Python) removes all line feeds from a message, and ends it at its first NULL.
#
# Expected: the body begins behind the first empty line and has as many octets as content-length says, whatever they are; header values
# with `\n`, `\c` and `\\` are decoded, and of a header that is repeated the first counts (STOMP 1.1, sections "Frames and Headers",
# "Value Encoding", "Repeated Header Entries").
# Seen: `unpack_frame` gives `ab` for the lines `a` and `b`, with an empty line between them or without; of `a`, NULL and `b` with
# content-length 3, `ab`, too. `a\cb` stays as it is; of two headers with one name the second is taken; `Frame.pack` writes a colon
# and a line feed of a value as they are. stompest 2.3.0 does all of it as the specification says.
#
# Mails, text files and logs arrive as one line.
#
# Usage: findings/stomper-removes-line-feeds-from-a-message.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check stomper==0.4.3 stompest==2.3.0 setuptools==80.9.0

cat >frames.py <<'PYTHON'
import stomper
from stompest.protocol import StompParser

for header, body, seen in (
    ("", "ab", "ab"),
    ("", "a\nb", "ab"),
    ("", "a\n\nb", "ab"),
    ("", "a b\n", "a b"),
    ("content-length:3\n", "a\0b", "ab"),
):
    frame = f"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:1\n{header}\n{body}\0"
    said = stomper.unpack_frame(frame)["body"]
    parser = StompParser("1.1")
    parser.add(frame.encode())
    print(f"{body!r}: {said!r}")
    assert (said, parser.get().body) == (seen, body.encode())

frame = "MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:1\nx:a\\cb\nx:second\ny:a\\cb\n\nz\0"
headers = stomper.unpack_frame(frame)["headers"]
parser = StompParser("1.1")
parser.add(frame.encode())
right = parser.get().headers
print(f"x, which is repeated: {headers['x']}, y: {headers['y']}")
assert (headers["x"], headers["y"]) == ("second", "a\\cb")
assert (right["x"], right["y"]) == ("a:b", "a:b")

written = stomper.Frame()
written.cmd, written.headers, written.body = "SEND", {"destination": "/q", "x": "a\nb"}, "z"
assert written.pack() == "SEND\ndestination:/q\nx:a\nb\n\nz\0\n"
PYTHON
python/bin/python -W ignore frames.py
echo "as described"
