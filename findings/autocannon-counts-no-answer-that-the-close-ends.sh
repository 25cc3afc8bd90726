#!/usr/bin/env bash
# autocannon 9.0.0 (Node.js) counts no answer whose end is the end of its connection, and loses a request at each connection
# that the server says it closes; neither is an error.
#
# Expected: a response without Content-Length and chunks ends with the connection (RFC 9112 section 6.3, rule 8), as those of HTTP/1.0
# do; behind an answer with `Connection: close` no further request may be sent (section 9.6). What has no answer is an error.
# Seen: of 12 requests that a server answers with 200 and closes, autocannon reports 12 sent, 0 answers, 0 errors. Of 12
# whose answers have a length and say `close`, it reports 12 sent, 6 answers, 0 errors: each second request is written to the
# connection that closes, never reaches the server, and is not sent again. Its exit code is 0. ab 2.3 counts 12 of 12 in both cases.
#
# A server that says `close` at the end of its keep-alive, in a drain, or when it refuses, looks as if it had half its
# throughput and no failures.
#
# Usage: findings/autocannon-counts-no-answer-that-the-close-ends.sh
# Needs Node.js 20, npm with its registry, python3, and ab (apt-get install apache2-utils). Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund autocannon@9.0.0

# A server that answers one request a connection, in the form that the path names, and tells at /count how many it has answered.
cat >server.py <<'PYTHON'
import socket

answered = 0
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head and (received := connection.recv(4096)):
        head += received
    if head.startswith(b"GET /count"):
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n%d" % answered)
        answered = 0
    elif head:
        answered += 1
        fields = b"Connection: close\r\nContent-Length: 5\r\n" if head.startswith(b"GET /length") else b""
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nhello")
    connection.shutdown(socket.SHUT_WR)
    connection.close()
PYTHON
python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.05; done
url=http://127.0.0.1:$(cat port)

# counted PATH: what autocannon reports of 12 requests on one connection, and what the server answered.
counted() {
    timeout 60 npx autocannon --connections 1 --amount 12 --json "$url/$1" 2>/dev/null >report
    python3 - "$(curl --silent "$url/count")" <<'PYTHON'
import json
import sys

report = json.load(open("report"))
print(f"sent {report['requests']['sent']}, answers {report['2xx']}, errors {report['errors']}, the server answered {sys.argv[1]}")
PYTHON
}

end=$(counted end)
length=$(counted length)
echo "no length: $end"
echo "Connection: close, with a length: $length"
[[ $end == 'sent 12, answers 0, errors 0, the server answered 12' ]]
[[ $length == 'sent 12, answers 6, errors 0, the server answered 6' ]]
for path in end length; do
    ab -q -k -n 12 -c 1 "$url/$path" | grep -E '^(Complete|Failed) requests' | tr -s ' ' | paste -sd ' '
done | tee ab
[[ $(uniq ab) == 'Complete requests: 12 Failed requests: 0' ]]
echo "as described"
