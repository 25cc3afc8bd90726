#!/usr/bin/env bash
# wrk 4.1.0 (Debian package 4.1.0-3+b2) takes an interim response for the answer: a server that sends 103 before each 200
# is reported with twice the requests a second that it answered.
#
# Expected: "A client MUST be able to parse one or more 1xx responses received prior to a final response" (RFC 9110
# section 15.2); a request is answered by its final response.
# Seen: wrk counts 103 and 200 as two answers, sends the next request after the first of them, and says nothing of it:
# no error, no non-2xx line (it takes what is up to 399 for success). The number of requests that it prints is twice that
# of the requests that the server received, and latencies are those of the interim response. h2load 1.52.0 with --h1 counts
# the same server right.
#
# Whoever compares servers or routes by wrk has to switch early hints off, or count at the server.
#
# Usage: findings/wrk-counts-interim-responses.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet wrk=4.1.0-3+b2 >/dev/null
dpkg-deb --extract wrk_*.deb package

# A server that counts requests, and answers each with 103 and 200. On SIGTERM it prints the count.
cat >server.py <<'PYTHON'
import signal
import socket
import sys
import threading

requests = 0
listener = socket.create_server(("127.0.0.1", 0))


def serve(connection):
    global requests
    unread = b""
    while received := connection.recv(65536):
        unread += received
        while b"\r\n\r\n" in unread:
            unread = unread.split(b"\r\n\r\n", 1)[1]
            requests += 1
            connection.sendall(
                b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            )


def stop(*_):
    print(requests, flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
PYTHON
python3 server.py >said &
server=$!
until [[ -s said ]]; do sleep 0.05; done
package/usr/bin/wrk -t 1 -c 1 -d 1s "http://127.0.0.1:$(head -1 said)/" | tee report
kill "$server"
wait "$server" || true
reported=$(awk '/requests in/ { print $1 }' report)
received=$(tail -1 said)
echo "wrk reports $reported requests; the server received $received"
# The last request may be under way when wrk stops.
((reported >= 2 * received - 2 && reported <= 2 * received))
if grep -q 'Non-2xx\|errors' report; then exit 1; fi
echo "as described"
