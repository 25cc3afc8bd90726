#!/usr/bin/env bash
# fcgi-client 0.0.1 (Python) puts what an application writes to its error log into the page, and counts the letters of a body for its bytes.
#
# Expected: FCGI_STDERR is a stream of its own, as the standard error of a CGI program is; the length of a record is that of its content in
# bytes, at most 65,535 (FastCGI specification, sections 3.3, 6.2 and 5.3).
# Seen: of an application that writes "Notice: old" to FCGI_STDERR and a page to FCGI_STDOUT, `request` gives one text, the notice in
# front of the header `Status`, so that the page has no header any more. Of the body `grün` it sends a record of length 4 with five
# bytes, and of 70,000 letters one of length 4,464: the application takes the rest for further records.
#
# Usage: findings/fcgi-client-of-python-puts-the-error-log-into-the-page.sh
# Needs python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check fcgi-client==0.0.1

cat >page.py <<'PYTHON'
import logging
import socket
import struct
import threading

from fcgi_client.FastCGIClient import FastCGIClient

logging.disable(logging.CRITICAL)
received = []


def record(kind, request, content):
    return struct.pack(">BBHHBx", 1, kind, request, len(content), 0) + content


def serve(listener):
    while True:
        connection, _ = listener.accept()
        connection.settimeout(1)
        data = b""
        try:
            while part := connection.recv(65536):
                data += part
        except TimeoutError:
            pass
        received.append(data)
        request = struct.unpack(">H", data[2:4])[0]
        connection.sendall(
            record(7, request, b"Notice: old\n") + record(6, request, b"Status: 200 OK\r\n\r\nhello") + record(6, request, b"")
            + record(3, request, bytes(8))
        )
        connection.close()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
for body, said in (("abc", 3), ("grün", 4), ("x" * 70000, 4464)):
    page = bytes(FastCGIClient(f"127.0.0.1:{listener.getsockname()[1]}", timeout=10).request({"REQUEST_METHOD": "POST"}, body))
    data = received[-1]
    at = 0
    while data[at + 1] != 5:
        at += 8 + struct.unpack(">H", data[at + 4:at + 6])[0]
    length = struct.unpack(">H", data[at + 4:at + 6])[0]
    print(f"{len(body)} letters, {len(body.encode())} bytes: the record says {length}; the page is {page}")
    assert length == said
    assert data[at + 8:at + 8 + len(body.encode())] == body.encode()
    assert page == b"Notice: old\nStatus: 200 OK\r\n\r\nhello"
PYTHON
timeout 60 python/bin/python page.py
echo "as described"
