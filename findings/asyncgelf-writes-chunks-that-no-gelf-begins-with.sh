#!/usr/bin/env bash
# asyncgelf 1.2.0 (Python) writes chunks that are none, and the whole message behind them; each short message is in quotes, and the version is a
# number.
#
# Expected: a chunk begins with "magic bytes 0x1e 0x0f", eight bytes of a message id, the number and the count, one byte each; a message is sent
# either whole or in chunks; `version` is a string, "1.1", and short_message the text (GELF, specification).
# Seen: each chunk begins with the eight bytes `00 78 31 65 00 78 30 66`, which is the text of the escape sequences behind two NULs, and the last
# datagram is the whole message, of more than the 8,192 bytes for which it was divided: a receiver takes none of the chunks, and the rest only if it
# takes so large a datagram. The message `hello` is sent as `"hello"`, quotes included.
#
# Usage: findings/asyncgelf-writes-chunks-that-no-gelf-begins-with.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check asyncgelf==1.2.0
python/bin/python - <<'PYTHON'
import asyncio
import json
import socket

import asyncgelf

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
receiver.settimeout(10)
handler = asyncgelf.GelfUdp(*receiver.getsockname())


def sent(message, datagrams):
    asyncio.run(handler.udp_handler(message))
    return [receiver.recv(65536) for _ in range(datagrams)]


[short] = sent("hello", 1)
short = json.loads(short)
print(f"hello: version {short['version']!r}, short_message {short['short_message']!r}")
assert (short["version"], short["short_message"]) == (1.1, '"hello"')

*chunks, whole = sent("m" * 20_000, 4)
print(f"20,000 letters: {[(chunk[:8].hex(' '), len(chunk)) for chunk in chunks]}, and {len(whole)} bytes at once")
assert all(chunk.startswith(b"\0x1e\0x0f") for chunk in chunks)
assert [tuple(chunk[16:18]) for chunk in chunks] == [(0, 3), (1, 3), (2, 3)]
assert b"".join(chunk[18:] for chunk in chunks) == whole
PYTHON
echo "as described"
