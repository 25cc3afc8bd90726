#!/usr/bin/env bash
# fcgiproto 1.0.2 (Python) turns a request away, and raises an error at the next record of that request.
#
# Expected: a request for a role that the application does not have is answered with FCGI_END_REQUEST and FCGI_UNKNOWN_ROLE; from then on
# its number is inactive, and the application ignores its records (FastCGI specification, sections 3.3 and 5.5). A web server writes all
# records of a request at once, without waiting whether somebody wants them.
# Seen: a request for an authorizer is answered so, and its FCGI_PARAMS raise "received unexpected FCGIParams record in the
# EXPECT_BEGIN_REQUEST state". The request of another number in the same bytes is not told; without the first one it is.
#
# One request that a configuration sends to the wrong place ends the connection for all that share it.
#
# Usage: findings/fcgiproto-fails-on-the-rest-of-a-request-that-it-turned-away.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check fcgiproto==1.0.2

cat >roles.py <<'PYTHON'
import struct

from fcgiproto import FCGI_AUTHORIZER, FCGI_RESPONDER, FastCGIConnection, ProtocolError


def record(kind, request, content):
    return struct.pack(">BBHHBx", 1, kind, request, len(content), 0) + content


def whole(request, role):
    return (
        record(1, request, struct.pack(">HB5x", role, 1)) + record(4, request, b"\x01\x01A1") + record(4, request, b"")
        + record(5, request, b"")
    )


connection = FastCGIConnection()
events = connection.feed_data(whole(2, FCGI_RESPONDER))
print("a responder alone:", [type(event).__name__ for event in events])
assert [event.request_id for event in events] == [2, 2]

connection = FastCGIConnection()
try:
    connection.feed_data(whole(1, FCGI_AUTHORIZER) + whole(2, FCGI_RESPONDER))
    said = "no error"
except ProtocolError as error:
    said = str(error)
answer = connection.data_to_send()
print(f"behind an authorizer: {said}; the answer is {answer.hex()}")
assert said.endswith("received unexpected FCGIParams record in the EXPECT_BEGIN_REQUEST state")
assert answer == record(3, 1, struct.pack(">LB3x", 0, 3))
PYTHON
python/bin/python roles.py
echo "as described"
