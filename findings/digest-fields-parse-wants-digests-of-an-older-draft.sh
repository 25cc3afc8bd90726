#!/usr/bin/env bash
# digest-fields-parse 0.1.1 (Python), a parser of RFC 9530, reads and writes Want-Repr-Digest as an older RFC had Want-Digest, and digests
# without their padding.
#
# Expected: Want-Repr-Digest and Want-Content-Digest are dictionaries whose values are integers from 0 to 10, 0 being "not acceptable"
# (RFC 9530 section 4, with the example `sha-512=3, sha-256=10, unixsum=0`). A byte sequence is written with its padding (RFC 9651
# section 4.1.8).
# Seen: of that example of the RFC it makes three algorithms named `sha-512=3`, `sha-256=10` and `unixsum=0`, each with 1.0: what is not
# acceptable counts as much as what is preferred. It writes `sha-256;q=0.5`, the form of Want-Digest in RFC 3230, which has no such
# value: in a dictionary it is true. Of a Content-Digest it gives the value without its `=`, which is not equal to what
# base64.b64encode makes, and writes it so.
#
# Usage: findings/digest-fields-parse-wants-digests-of-an-older-draft.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check digest-fields-parse==0.1.1 http-sfv==0.9.9

cat >digests.py <<'PYTHON'
import base64
import hashlib

import http_sfv
from digest_fields_parse import (
    parse_content_digest, parse_want_repr_digest, serialize_content_digest, serialize_want_repr_digest,
)

example = "sha-512=3, sha-256=10, unixsum=0"
wanted = [(preference.algorithm, preference.q) for preference in parse_want_repr_digest(example)]
dictionary = http_sfv.Dictionary()
dictionary.parse(example.encode())
print("the RFC's example:", wanted)
assert wanted == [("sha-512=3", 1.0), ("sha-256=10", 1.0), ("unixsum=0", 1.0)]
assert {name: dictionary[name].value for name in dictionary} == {"sha-512": 3, "sha-256": 10, "unixsum": 0}

written = serialize_want_repr_digest([{"algorithm": "sha-256", "q": 0.5}])
dictionary = http_sfv.Dictionary()
dictionary.parse(written.encode())
print(f"written: {written}, which is {dictionary['sha-256'].value} in a dictionary")
assert (written, dictionary["sha-256"].value) == ("sha-256;q=0.5", True)

digest = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
read = parse_content_digest(f"sha-256=:{digest}:")["sha-256"]
print(f"{digest} is read as {read}")
assert read == digest.rstrip("=") != digest
assert serialize_content_digest({"sha-256": digest}) == f"sha-256=:{read}:"
PYTHON
python/bin/python digests.py
echo "as described"
