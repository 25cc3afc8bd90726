#!/usr/bin/env bash
# gwebsockets 0.7 (Python) reads no message of 64 KiB or more, and none that comes in parts.
#
# Expected: a length of 127 is followed by eight bytes (RFC 6455 section 5.2); a message may have any number of frames, those behind the
# first with opcode 0 and all but the last without FIN (section 5.4).
# Seen: `parse_message` takes four bytes for the eight and raises struct.error for a text of 70,000 bytes; of 200 bytes it reads it. Of two
# frames it puts the second into the list of the bytes of the first, and raises TypeError; of three it raises "Received new
# fragment frame with non-zero opcode", though the opcode is 0. `make_message` of the same package writes all lengths right.
#
# Its server, for activities of a learning environment, ends with an exception in a callback when somebody pastes a long text.
#
# Usage: findings/gwebsockets-reads-half-of-an-eight-byte-length.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check gwebsockets==0.7 wsproto==1.3.2

cat >frames.py <<'PYTHON'
import struct

from gwebsockets import protocol
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage


class Buffer:
    """What the parser reads from: as the buffer of the package's server, which needs GLib."""

    def __init__(self, data):
        self.data = data

    @property
    def available(self):
        return len(self.data)

    def read(self, size):
        read, self.data = self.data[:size], self.data[size:]
        return read


def frame(first, text):
    size = len(text)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size) if size < 65536 else b"\x7f" + struct.pack("!Q", size)
    return bytes([first, length[0] | 128]) + length[1:] + bytes(4) + text


def read(data):
    try:
        message = next(protocol.parse_message(Buffer(data)))
        return f"{len(message.data)} bytes"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def read_by_wsproto(data):
    server = Connection(ConnectionType.SERVER)
    server.receive_data(data)
    return f"{sum(len(event.data) for event in server.events() if isinstance(event, TextMessage))} bytes"


for name, data, right, seen in (
    ("200 bytes", frame(0x81, b"x" * 200), "200 bytes", "200 bytes"),
    ("70,000 bytes", frame(0x81, b"x" * 70000), "70000 bytes", "error: unpack_from requires a buffer of at least 8 bytes"),
    ("two frames", frame(0x01, b"hel") + frame(0x80, b"lo"), "5 bytes", "TypeError: 'list' object cannot be interpreted as an integer"),
    ("three frames", frame(0x01, b"he") + frame(0, b"l") + frame(0x80, b"lo"), "5 bytes",
     "WebSocketError: Received new fragment frame with non-zero opcode"),
):
    said = read(data)
    print(f"{name}: {said}")
    assert said.startswith(seen), said
    assert read_by_wsproto(data) == right
assert protocol.make_message("x" * 70000)[:10] == b"\x81\x7f" + struct.pack("!Q", 70000)
PYTHON
python/bin/python frames.py
echo "as described"
