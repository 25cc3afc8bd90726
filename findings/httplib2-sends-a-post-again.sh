#!/usr/bin/env bash
# httplib2 0.32.1 (Python) and libcurl 8.23.0 (with pycurl 7.49.0) send a POST a second time, unasked, if the server took it on a
# connection that was used before and closed that without an answer.
#
# Expected: a client should not send a request again by itself unless its method is idempotent, or unless it knows that the
# first one was not applied (RFC 9110 section 9.2.2). That a connection closes behind a whole request tells nothing.
# Seen: a server reads the POST to its end and closes. Both connect anew and send it again; the program is told of one
# error. requests 2.34.2 and httpx 0.28.1 send it once and tell the error. A GET before it is all it takes; on a new connection
# the POST is sent once.
#
# A server that ends within a request has that request run twice, and reports one.
#
# Usage: findings/httplib2-sends-a-post-again.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check httplib2==0.32.1 pycurl==7.49.0 requests==2.34.2 httpx==0.28.1
cat >post.py <<'PYTHON'
import http.server
import io
import threading

import httplib2
import httpx
import pycurl
import requests

posts = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        global posts
        assert self.rfile.read(int(self.headers["Content-Length"])) == b"pay=10"
        posts += 1
        self.close_connection = True  # and no answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/"


def by_httplib2(used):
    client = httplib2.Http()
    if used:
        client.request(url)
    client.request(url, "POST", body=b"pay=10")


def by_libcurl(used):
    client = pycurl.Curl()
    client.setopt(client.URL, url)
    client.setopt(client.WRITEDATA, io.BytesIO())
    if used:
        client.perform()
    client.setopt(client.POSTFIELDS, "pay=10")
    client.perform()


def by_requests(used):
    with requests.Session() as client:
        if used:
            client.get(url)
        client.post(url, data=b"pay=10")


def by_httpx(used):
    with httpx.Client() as client:
        if used:
            client.get(url)
        client.post(url, content=b"pay=10")


for used, name, send, expected in [
    (True, "httplib2", by_httplib2, 2),
    (True, "libcurl", by_libcurl, 2),
    (True, "requests", by_requests, 1),
    (True, "httpx", by_httpx, 1),
    (False, "libcurl", by_libcurl, 1),
]:
    posts = 0
    try:
        send(used)
        told = "nothing"
    except Exception as error:
        told = type(error).__name__
    print(f"{name}, {'used' if used else 'new'} connection: the server read {posts} POST, the program was told {told}")
    assert posts == expected
    assert told != "nothing"
PYTHON
timeout 60 python/bin/python post.py
echo "as described"
