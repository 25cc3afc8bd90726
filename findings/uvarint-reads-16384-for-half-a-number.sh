#!/usr/bin/env bash
# uvarint 1.2.0 (Python) reads a number from bytes that end in the middle of one, and says that it has read it whole.
#
# Expected: the highest bit of a byte says that another one follows (unsigned-varint of multiformats, to which its README refers): a number that was
# cut is an error, as `decode(b"")` is, so that a reader of a stream waits for the rest.
# Seen: of the two bytes of 300 the first alone is 22060, read in one byte, and that of 128 is 16384. A reader that takes what it got so far goes on
# behind a number that nobody sent. varint-like libraries raise EOFError there: leb128 1.0.9 does.
#
# Usage: findings/uvarint-reads-16384-for-half-a-number.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check uvarint==1.2.0 leb128==1.0.9
python/bin/python - <<'PYTHON'
import io

import leb128
import uvarint

for number, seen in [(128, 16384), (300, 22060), (16384, 2097152)]:
    whole = uvarint.encode(number)
    assert uvarint.decode(whole) == (number, len(whole))
    cut = whole[:-1]
    said = uvarint.decode(cut)
    print(f"{number} is {whole.hex(' ')}; {cut.hex(' ')} is read as {said.integer}, of {said.bytes_read} bytes")
    assert said == (seen, len(cut))
    try:
        leb128.u.decode_reader(io.BytesIO(cut))
    except EOFError:
        continue
    raise AssertionError("leb128 read it")
first, rest = uvarint.cut(1, b"\xac")
print(f"cut(1) of the first byte of 300: {first}, and the rest {rest!r}")
assert (first, rest) == ([22060], b"")
PYTHON
echo "as described"
