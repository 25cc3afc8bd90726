#!/usr/bin/env bash
# Four clients of the command line do not get what is behind an interim response: axel 2.17.11, links 2.28, w3m 0.5.3 and lftp 4.9.2 (Debian packages
# 2.17.11-3, 2.28-1+b2, 0.5.3+git20230121-2 and 4.9.2-2+b1).
#
# Expected: "A client MUST be able to parse one or more 1xx responses received prior to a final response, even if the client does not expect one" (RFC
# 9110 section 15.2).
# Seen: of 103 with a Link, and 200 behind it, axel says "ERROR 103: Early Hints.", links "Bad HTTP response" and lftp "Access failed: 103 Early
# Hints"; w3m shows the status line and the fields of the final response as the text. Without 103 all four get the text. wget 1.21.3 and curl get it
# both times.
#
# Usage: findings/four-tools-take-early-hints-for-the-answer.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, python3, curl, and the libraries that the four need (apt-get install axel links w3m lftp).
# Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet axel=2.17.11-3 links=2.28-1+b2 w3m=0.5.3+git20230121-2 libgc1=1:8.2.2-3 lftp=4.9.2-2+b1 wget=1.21.3-1+deb12u1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu HOME=$work

cat >server.py <<'PYTHON'
import socket

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
FIELDS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    head = b""
    try:
        while b"\r\n\r\n" not in head and (received := connection.recv(4096)):
            head += received
        body = b"" if head.startswith(b"HEAD") else b"neutral"
        connection.sendall((HINTS if b" /hints" in head else b"") + FIELDS + body)
    except ConnectionError:
        pass
    connection.close()
PYTHON
python3 server.py >port &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done

by_axel() { package/usr/bin/axel -q -o "file-${1##*/}" "$1" 2>&1 && cat "file-${1##*/}"; }
by_links() { package/usr/bin/links -dump "$1" 2>&1; }
by_w3m() { package/usr/bin/w3m -dump "$1" 2>&1; }
by_lftp() { package/usr/bin/lftp -c "cat $1" 2>&1; }
by_wget() { package/usr/bin/wget -qO- "$1" 2>&1; }
by_curl() { LD_LIBRARY_PATH='' curl --silent --max-time 10 "$1"; }
check() {
    local plain hints
    plain=$("by_$1" "http://127.0.0.1:$(cat port)/plain" | tr -d '\r\n ')
    hints=$("by_$1" "http://127.0.0.1:$(cat port)/hints" | tr -s '\r\n ' ' ') || true
    echo "$1: $plain, and behind 103: $hints"
    [[ $plain == neutral && $hints == *"$2"* ]]
}
check axel 'ERROR 103: Early Hints.'
check links 'Bad HTTP response'
check w3m 'HTTP/1.1 200 OK Content-Type: text/plain Content-Length: 7 Connection: close neutral'
check lftp 'Access failed: 103 Early Hints'
check wget neutral
check curl neutral
echo "as described"
