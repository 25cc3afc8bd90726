#!/usr/bin/env bash
# stunnel 5.68 (Debian package 3:5.68-2+deb12u1) with `protocol = proxy`: clients of a Unix socket are turned away, and a client with
# IPv4 of a listener on `::` gets an address that the protocol's grammar does not have.
#
# Expected: "Other, unsupported, or unknown protocols must be reported with the name UNKNOWN"; an IPv6 address is a "series of
# sets of 4 hexadecimal digits" with colons between (proxy-protocol.txt 2.1).
# Seen: where `accept` is a path, each connection is reset behind its handshake, the log says "getnameinfo: Unknown error", and
# the server behind it hears nothing; without `protocol = proxy` the same client is served. An IPv4 client of a listener on `::` is
# written as `TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1`, with dots, which readers that go by the grammar refuse.
#
# Usage: findings/stunnel-turns-clients-of-a-unix-socket-away.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, openssl, curl, python3 and IPv6 on the loopback. Fails if the behaviour
# differs.
set -euo pipefail

work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet stunnel4=3:5.68-2+deb12u1 libwrap0=7.6.q-32 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu:$work/package/lib/x86_64-linux-gnu
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -subj /CN=localhost -days 2 2>/dev/null

# A server that answers with the first line that it hears.
cat >server.py <<'PYTHON'
import socket

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    head = b""
    try:
        while b"\r\n\r\n" not in head and (received := connection.recv(4096)):
            head += received
    except ConnectionResetError:
        pass
    if head:
        first = head.split(b"\r\n")[0] + b"\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(first), first))
    connection.close()
PYTHON
python3 server.py >port &
pids+=($!)
until [[ -s port ]]; do sleep 0.05; done
any=$(python3 -c 'import socket; print(socket.create_server(("::", 0), family=socket.AF_INET6).getsockname()[1])')

cat >stunnel.conf <<CONFIG
foreground = yes
pid =
cert = $work/certificate.pem
key = $work/key.pem
[path]
accept = $work/proxy.sock
connect = 127.0.0.1:$(cat port)
protocol = proxy
[plain]
accept = $work/plain.sock
connect = 127.0.0.1:$(cat port)
[any]
accept = :::$any
connect = 127.0.0.1:$(cat port)
protocol = proxy
CONFIG
package/usr/bin/stunnel4 stunnel.conf 2>log &
pids+=($!)
until [[ -S plain.sock ]] && grep -q 'Configuration successful' log; do sleep 0.05; done

plain=$(curl --silent --insecure --max-time 10 --unix-socket plain.sock https://localhost/)
path=$(curl --silent --insecure --max-time 10 --unix-socket proxy.sock https://localhost/) && said=0 || said=$?
six=$(curl --silent --insecure --max-time 10 "https://[::1]:$any/")
four=$(curl --silent --insecure --max-time 10 "https://127.0.0.1:$any/")
echo "Unix socket, no header: $plain"
echo "Unix socket, protocol = proxy: '$path', curl ends with $said"
grep -o 'getnameinfo: .*' log
echo "::1 to '::': $six"
echo "127.0.0.1 to '::': $four"
[[ $plain == 'GET / HTTP/1.1' && -z $path && $said != 0 ]]
[[ $six =~ ^'PROXY TCP6 ::1 ::1 '[0-9]+" $any" ]]
[[ $four =~ ^'PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1 '[0-9]+" $any" ]]
echo "as described"
