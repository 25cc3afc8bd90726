#!/usr/bin/env bash
# larzcbor 0.1.0 (Python): a number above 64 bits is read as bytes, and a negative one as the same bytes.
#
# Expected: RFC 8949, section 3.4.3 and the table of its appendix A: tag 2 is an unsigned bignum, tag 3 a negative one, -1 - n;
# 0xc249010000000000000000 is 18446744073709551616 and 0xc349010000000000000000 is -18446744073709551617. Its documentation: "tested against the RFC's
# own byte vectors", and it "interoperates with every conformant CBOR tool".
# Seen: what cbor2 5.6.5 writes for the two is read as the bytes 01 00 00 00 00 00 00 00 00, both times; tags are passed over without a word, so that
# nobody can tell them from each other, or from bytes. The largest number of 64 bits and the smallest one are right.
#
# Usage: findings/larzcbor-drops-the-sign-of-a-big-number.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzcbor==0.1.0 cbor2==5.6.5
python/bin/python - <<'PYTHON'
import cbor2
from larzcbor import decode

numbers = (2**64 - 1, -(2**64), 2**64, -(2**64) - 1)
said = [decode(cbor2.dumps(number)) for number in numbers]
for number, value in zip(numbers, said):
    print(f"{number}, {cbor2.dumps(number).hex()}: {value}")
assert cbor2.dumps(2**64).hex() == "c249010000000000000000" and cbor2.dumps(-(2**64) - 1).hex() == "c349010000000000000000"
assert said == [2**64 - 1, -(2**64), b"\x01" + bytes(8), b"\x01" + bytes(8)]
PYTHON
echo "as described"
