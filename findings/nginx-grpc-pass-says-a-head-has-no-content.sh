#!/usr/bin/env bash
# nginx 1.22.1 (Debian package 1.22.1-9+deb12u11): through grpc_pass the answer to a HEAD says `Content-Length: 0`, whatever
# length the server behind it announced.
#
# Expected: the length that the answer to a GET would have, or none: a server must not send another in an answer to HEAD
# (RFC 9110 section 8.6).
# Seen: a server of HTTP/2 answers HEAD with `content-length: 1234` in a HEADERS frame that ends its stream, as it
# should (RFC 9113 section 8.1.1). The client of nginx gets `Content-Length: 0`.
#
# Caches and download tools that ask by HEAD first take the resource for empty. An application behind grpc_pass should
# be asked by GET, or through proxy_pass with HTTP/1.1.
#
# Usage: findings/nginx-grpc-pass-says-a-head-has-no-content.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, the libraries that nginx asks for, python3 and curl. Fails if the
# behaviour differs.
set -euo pipefail

work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet nginx=1.22.1-9+deb12u11 >/dev/null
dpkg-deb --extract nginx_*.deb package

# A server of HTTP/2 that answers every request with a head alone.
cat >server.py <<'PYTHON'
import socket
import struct

SETTINGS, HEADERS, ACK, END_STREAM, END_HEADERS = 4, 1, 1, 1, 4
# HPACK: `:status: 200` by its index; content-length by name (28), its value as it is.
HEAD = b"\x88" + b"\x0f\x0d" + b"\x041234"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def serve(connection):
    with connection.makefile("rb") as received:
        assert received.read(24).startswith(b"PRI * HTTP/2.0")
        connection.sendall(frame(SETTINGS, 0, 0))
        while len(front := received.read(9)) == 9:
            received.read(int.from_bytes(front[:3], "big"))
            kind, flags, stream = front[3], front[4], int.from_bytes(front[5:], "big")
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            if kind == HEADERS:
                connection.sendall(frame(HEADERS, END_HEADERS | END_STREAM, stream, HEAD))


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    serve(listener.accept()[0])
PYTHON
python3 server.py >port &
pids+=($!)
until [[ -s port ]]; do sleep 0.05; done

cat >nginx.conf <<CONF
daemon off;
worker_processes 1;
pid $work/pid;
error_log $work/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    server {
        listen unix:$work/nginx.sock;
        location / { grpc_pass grpc://127.0.0.1:$(<port); }
    }
}
CONF
package/usr/sbin/nginx -p "$work" -c "$work/nginx.conf" -e "$work/error.log" &
pids+=($!)
until [[ -S nginx.sock ]]; do sleep 0.05; done
curl --silent --head --max-time 5 --unix-socket nginx.sock http://localhost/ | tr -d '\r' | tee answer
grep -qx 'Content-Length: 0' answer
echo "as described"
