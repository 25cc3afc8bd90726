#!/usr/bin/env bash
# Two readers of pcapng for Python: pypcappy 0.0.7 cuts the first eight bytes off each packet, and gives padding and options for a part of it.
# python-pcapng 2.1.1 takes no heed of the offset of an interface's clock, and cannot be asked about a block that it does not know.
#
# Expected: in an Enhanced Packet Block the captured length stands behind 12 bytes of the block's body, and the packet behind 20, padded to four
# bytes, with the options behind it; if_tsoffset is "an offset (in seconds) that must be added to the timestamp of each packet" (draft of
# pcapng, sections 4.2 and 4.3). Blocks of unknown types are skipped (section 3.1). "A pure Python3 PcapNg reader" (README).
# Seen: of a packet of twelve bytes pypcappy gives the last four, of one of eight nothing, and of one of five its comment. Its lengths are numbers of
# twelve digits. With if_tsoffset of an hour python-pcapng gives the time an hour too early. `getattr(block, "packet_data", None)`, with which one looks
# for packets among the blocks, is a RecursionError at an unknown block, and None at those without packets.
#
# Usage: findings/pypcappy-cuts-eight-bytes-off-each-packet.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pypcappy==0.0.7 python-pcapng==2.1.1
python/bin/python - <<'PYTHON'
import io
import struct

from pcapng import FileScanner
from pcapng.blocks import EnhancedPacket, UnknownBlock
from pypcappy import PcapNgFile

TIME, HOUR = 1_700_000_000, 3600


def padded(data):
    return data + bytes(-len(data) % 4)


def block(kind, body):
    length = 12 + len(padded(body))
    return struct.pack("<II", kind, length) + padded(body) + struct.pack("<I", length)


def option(code, value):
    return struct.pack("<HH", code, len(value)) + padded(value)


def packet(data, seconds, options=b""):
    high, low = divmod(seconds * 1_000_000, 1 << 32)
    return block(6, struct.pack("<IIIII", 0, high, low, len(data), len(data)) + padded(data) + options)


section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
interface = struct.pack("<HHI", 1, 0, 0)
offset = option(14, struct.pack("<q", HOUR)) + option(0, b"")
file = section + block(1, interface + offset)
file += packet(b"twelve bytes", TIME - HOUR) + packet(b"8 bytes.", TIME - HOUR)
file += packet(b"five.", TIME - HOUR, option(1, b"comment.") + option(0, b""))

blocks = list(PcapNgFile(io.BufferedReader(io.BytesIO(file))).blocks)[2:]
for given, seen in zip(blocks, [b"ytes", b"", option(1, b"comment.") + option(0, b"")]):
    print(f"pypcappy: {given.packet.data}, captured length {given.capture_len}")
    assert given.packet.data == seen and given.capture_len > 10**9

scanned = [one for one in FileScanner(io.BytesIO(file)) if isinstance(one, EnhancedPacket)]
print(f"python-pcapng: {[(one.packet_data, one.timestamp - TIME) for one in scanned]}")
assert [one.packet_data for one in scanned] == [b"twelve bytes", b"8 bytes.", b"five."]
assert all(one.timestamp == TIME - HOUR for one in scanned)

[unknown] = [one for one in FileScanner(io.BytesIO(section + block(0x0BAD, bytes(4)))) if isinstance(one, UnknownBlock)]
try:
    said = getattr(unknown, "packet_data", None)
except RecursionError as error:
    said = error
print(f"python-pcapng, an unknown block asked for a packet: {said!r}")
assert isinstance(said, RecursionError)
PYTHON
echo "as described"
