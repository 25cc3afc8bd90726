#!/usr/bin/env bash
# sonora 0.2.3 (Python, gRPC-Web) writes a grpc-timeout of nine and ten digits for everyday timeouts.
#
# Expected: `TimeoutValue → {positive integer as ASCII string of at most 8 digits}` (gRPC over HTTP2, "Requests"); the value is
# rounded and given in a larger unit where it would be longer.
# Seen: a call with a timeout of 2.01 seconds sends `2009999999n`, one of a third of a second `333333333n`: what is not whole in
# millionths, or is not in binary, is written in billionths. Two days and a half second are `172800500m`. 0.1, 1 and 60 seconds are
# `100m`, `1S` and `1M`. grpclib 0.4.9 writes 2009m, 333m and 172800S.
#
# What is left of a deadline is such a number: servers that hold to the eight digits refuse the call, or serve it without a deadline.
#
# Usage: findings/sonora-writes-a-timeout-of-ten-digits.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check sonora==0.2.3 grpclib==0.4.9 grpcio==1.85.3 requests==2.34.2
python/bin/python -W ignore - <<'PYTHON'
import http.server
import threading

import sonora.client
from grpclib.metadata import encode_timeout

seen = []


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen.append(self.headers["grpc-timeout"])
        self.send_response(200)
        self.send_header("Content-Type", "application/grpc-web+proto")
        self.send_header("grpc-status", "12")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
channel = sonora.client.insecure_web_channel(f"http://127.0.0.1:{server.server_port}")
call = channel.unary_unary("/a.Service/Call", bytes, bytes)
for seconds, written in [
    (1, "1S"),
    (60, "1M"),
    (0.1, "100m"),
    (2.01, "2009999999n"),
    (1 / 3, "333333333n"),
    (172800.5, "172800500m"),
]:
    try:
        call(b"", timeout=seconds)
    except Exception as error:
        assert type(error).__name__ == "WebRpcError", error
    other = encode_timeout(seconds)
    print(f"{seconds} seconds: sonora {seen[-1]}, grpclib {other}")
    assert seen[-1] == written
    assert len(other) <= 9
PYTHON
echo "as described"
