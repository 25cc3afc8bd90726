#!/usr/bin/env bash
# simple-fastcgi 0.0.8 (Python) fails when a web server asks it for its values, and could not write them.
#
# Expected: FCGI_GET_VALUES asks for variables by name, such as FCGI_MPXS_CONNS, and is answered by FCGI_GET_VALUES_RESULT with those that the
# application knows; a name or value of fewer than 128 bytes has a length of one byte (FastCGI specification, sections 3.4 and 4.1).
# Seen: `feed` raises "too many values to unpack" for FCGI_MPXS_CONNS, which it does know. A query for a variable that it does not know is answered by
# an empty result, and by FCGI_UNKNOWN_TYPE for the same record. The length of a text of n bytes would be written as n NULs.
#
# Usage: findings/simple-fastcgi-fails-when-it-is-asked-for-its-values.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check simple-fastcgi==0.0.8
python/bin/python - <<'PYTHON'
import struct

from simple_fastcgi.protocol import fastcgi_protocol, pack_kv_pair

GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11


def asked(name):
    pair = bytes([len(name), 0]) + name
    protocol = fastcgi_protocol()
    try:
        protocol.feed(struct.pack(">BBHHBB", 1, GET_VALUES, 0, len(pair), 0, 0) + pair)
    except ValueError as error:
        return f"ValueError: {error}"
    return bytes(protocol.fetch(100))


unknown, known = asked(b"FCGI_OTHER"), asked(b"FCGI_MPXS_CONNS")
print(f"FCGI_OTHER: {unknown}; FCGI_MPXS_CONNS: {known}")
assert unknown[:8] == bytes([1, GET_VALUES_RESULT]) + bytes(6)
assert unknown[8:10] == bytes([1, UNKNOWN_TYPE]) and unknown[16] == GET_VALUES
assert known.startswith("ValueError: too many values to unpack")
pair = pack_kv_pair(b"FCGI_MPXS_CONNS", b"0")
print(f"the pair would be {pair}")
assert pair == bytes(15) + bytes(1) + b"FCGI_MPXS_CONNS0"
PYTHON
echo "as described"
