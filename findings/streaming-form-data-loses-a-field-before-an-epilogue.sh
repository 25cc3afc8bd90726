#!/usr/bin/env bash
# streaming-form-data 2.1.0 (Python) loses the last field of a form if anything follows the last boundary; it and three more readers
# refuse a form with a preamble.
#
# Expected: what stands before the first boundary and behind the last one is to be ignored (RFC 2046 section 5.1.1: "implementations
# must ignore information that appears before the first boundary delimiter line or after the last one"; RFC 7578 section 4 refers to it).
# Seen: a field with the value `one` is read as an empty one, without an error, if a line of text or an empty line follows. The
# field before it is whole. With a preamble streaming-form-data, python-multipart 0.0.34, which Starlette uses, and requests-toolbelt
# 1.0.0 answer an error; so does @mjackson/multipart-parser 0.10.1 of Node.js. multipart 2.0.1 and Werkzeug 3.1.9 read all.
#
# Mail software and gateways write "This is a message in MIME format" there, and some clients end a body with further empty lines.
#
# Usage: findings/streaming-form-data-loses-a-field-before-an-epilogue.sh
# Needs python3 with venv, pip, Node.js 20, npm and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check streaming-form-data==2.1.0 python-multipart==0.0.34 requests-toolbelt==1.0.0 \
    multipart==2.0.1 werkzeug==3.1.9
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @mjackson/multipart-parser@0.10.1

cat >read.py <<'PYTHON'
import io
import logging

import multipart
import python_multipart
from requests_toolbelt.multipart.decoder import MultipartDecoder
from streaming_form_data import StreamingFormDataParser
from streaming_form_data.targets import ValueTarget
from werkzeug.formparser import parse_form_data

logging.disable(logging.CRITICAL)
TYPE = "multipart/form-data; boundary=edge"
FIELDS = b"".join(
    b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field for field in [(b"a", b"zero"), (b"b", b"one")]
)
PLAIN = FIELDS + b"--edge--\r\n"


def by_streaming(body):
    parser, targets = StreamingFormDataParser(headers={"Content-Type": TYPE}), [ValueTarget(), ValueTarget()]
    for name, target in zip("ab", targets):
        parser.register(name, target)
    parser.data_received(body)
    return [target.value for target in targets]


def by_python_multipart(body):
    values = []
    headers = {"Content-Type": TYPE.encode(), "Content-Length": str(len(body)).encode()}
    python_multipart.parse_form(headers, io.BytesIO(body), lambda field: values.append(field.value), None)
    return values


def by_toolbelt(body):
    return [part.content for part in MultipartDecoder(body, TYPE).parts]


def by_multipart(body):
    return [part.raw for part in multipart.MultipartParser(io.BytesIO(body), b"edge", content_length=len(body))]


def by_werkzeug(body):
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_TYPE": TYPE, "CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST"}
    return [value.encode() for value in parse_form_data(environ)[1].values()]


def read(reader, body):
    try:
        return reader(body)
    except Exception as error:
        return type(error).__name__


BOTH, LOST = [b"zero", b"one"], [b"zero", b""]
for name, body, expected in [
    ("plain", PLAIN, [BOTH] * 5),
    ("epilogue", PLAIN + b"epilogue", [LOST] + [BOTH] * 4),
    ("empty line", PLAIN + b"\r\n", [LOST] + [BOTH] * 4),
    (
        "preamble",
        b"preamble\r\n" + PLAIN,
        ["ParseFailedException", "MultipartParseError", "ImproperBodyPartContentException", BOTH, BOTH],
    ),
]:
    seen = [read(reader, body) for reader in (by_streaming, by_python_multipart, by_toolbelt, by_multipart, by_werkzeug)]
    print(f"{name}: streaming-form-data {seen[0]}, python-multipart {seen[1]}, requests-toolbelt {seen[2]}")
    assert seen == expected, seen
PYTHON
python/bin/python read.py

cat >read.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { parseMultipart } from '@mjackson/multipart-parser';
const plain = '--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nzero\r\n--edge--\r\n';
const names = (body) => [...parseMultipart(Buffer.from(body), { boundary: 'edge' })].map((part) => part.name);
assert.deepStrictEqual(names(plain), ['a']);
assert.throws(() => names(`preamble\r\n${plain}`), { name: 'MultipartParseError' });
console.log('preamble: @mjackson/multipart-parser MultipartParseError');
JAVASCRIPT
node read.mjs
echo "as described"
