#!/usr/bin/env bash
# fastcgi 0.0.3 (Python) answers each request as number 1, and reads no body whose length comes in CONTENT_LENGTH.
#
# Expected: the records of an answer carry the number of their request, which the web server chooses (FastCGI specification, section 3.3);
# the length of the body is in CONTENT_LENGTH, as in CGI (RFC 3875 section 4.1.2).
# Seen: a request of number 7 is answered with FCGI_STDOUT, FCGI_STDERR and FCGI_END_REQUEST of number 1. The body is read only if there is
# HTTP_CONTENT_LENGTH, which nginx sends beside the other; with CONTENT_LENGTH alone it is empty. The empty record that ends a stream is
# never written.
#
# A web server that numbers its requests waits for an answer to 7 until its deadline; forms that are sent to it behind
# others are empty.
#
# Usage: findings/fastcgi-of-python-answers-request-7-as-request-1.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check fastcgi==0.0.3 fastcore==2.2.41

cat >page.py <<'PYTHON'
import socket
import socketserver
import struct
import threading

from fastcgi.core import FcgiHandler


class Page(FcgiHandler):
    def handle(self):
        self.print("Content-Type: text/plain\n")
        self.print(f"body {self.content()!r}")
        self.err("a note")


def record(kind, request, content):
    return struct.pack(">BBHHBx", 1, kind, request, len(content), 0) + content


def pairs(variables):
    return b"".join(bytes([len(name), len(value)]) + name.encode() + value.encode() for name, value in variables.items())


def asked(request, variables):
    with socket.create_connection(server.server_address, timeout=10) as client:
        client.sendall(
            record(1, request, struct.pack(">HB5x", 1, 0)) + record(4, request, pairs(variables)) + record(4, request, b"")
            + record(5, request, b"hello") + record(5, request, b"")
        )
        data = b""
        while part := client.recv(65536):
            data += part
    records = []
    while data:
        _, kind, number, length, padding = struct.unpack(">BBHHBx", data[:8])
        records.append((kind, number, data[8:8 + length]))
        data = data[8 + length + padding:]
    return records


server = socketserver.TCPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
both = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5", "HTTP_CONTENT_LENGTH": "5"}
one = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}
for request, variables, body in ((1, both, "hello"), (7, both, "hello"), (1, one, "")):
    records = asked(request, variables)
    print(f"request {request}, {list(variables)[1:]}: {[(kind, number) for kind, number, _ in records]}, {records[0][2].split()[-2:]}")
    assert [(kind, number) for kind, number, _ in records] == [(6, 1), (7, 1), (3, 1)]
    assert records[0][2].endswith(f"body {body!r}\r\n".encode())
PYTHON
timeout 60 python/bin/python page.py
echo "as described"
