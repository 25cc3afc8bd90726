#!/usr/bin/env bash
# chumicro-websockets 0.27.3 (Python) takes a query for a part of the host's name if no path is before it, and leaves the port 443 out
# of Host in a `ws` address.
#
# Expected: a path may be empty before a query: `ws-URI = "ws:" "//" host [ ":" port ] path [ "?" query ]`; what is asked for then is `/` with
# the query (RFC 6455 section 3). A host may be an IPv6 address in brackets. Host has the port unless it is the scheme's own, 80 for
# ws and 443 for wss (sections 3 and 4.1).
# Seen: of `ws://example.org?token=1` the host is `example.org?token=1` and the path `/`; with a port there is an error, "non-integer port
# '8080?token=1'", as for `ws://[::1]:8080/`. `ws://example.org:443/` is asked with `Host: example.org`, and so is `wss://example.org:80/`.
# With a path before the query all is well. websockets 17.4 reads all of them.
#
# Services whose address is a host and a token, without a path, cannot be reached.
#
# Usage: findings/chumicro-websockets-asks-a-host-with-a-question-mark.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-deps chumicro-websockets==0.27.3 websockets==17.4

cat >addresses.py <<'PYTHON'
from chumicro_websockets._wire import WebSocketURLError, encode_client_handshake, parse_ws_url
from websockets.uri import parse_uri


def asked(address):
    try:
        _, host, port, path = parse_ws_url(address)
    except WebSocketURLError as error:
        return str(error).split(":")[0]
    lines = encode_client_handshake(host, port, path, "key").decode().split("\r\n")
    return f"{lines[0].split()[1]} of {lines[1].removeprefix('Host: ')}"


for address, seen, right in (
    ("ws://example.org/?token=1", "/?token=1 of example.org", ("example.org", 80, "/?token=1")),
    ("ws://example.org:8080/", "/ of example.org:8080", ("example.org", 8080, "/")),
    ("ws://example.org?token=1", "/ of example.org?token=1", ("example.org", 80, "/?token=1")),
    ("ws://example.org:8080?token=1", "url has non-integer port '8080?token=1'", ("example.org", 8080, "/?token=1")),
    ("ws://[::1]:8080/", "url has non-integer port '", ("::1", 8080, "/")),
    ("ws://example.org:443/", "/ of example.org", ("example.org", 443, "/")),
    ("wss://example.org:80/", "/ of example.org", ("example.org", 80, "/")),
):
    said = asked(address)
    print(f"{address}: {said}")
    assert said == seen, said
    uri = parse_uri(address)
    assert (uri.host, uri.port, uri.resource_name) == right
PYTHON
python/bin/python addresses.py
echo "as described"
