#!/usr/bin/env bash
# The module websocket 1.4.2 of Tcllib (Tcl; Debian package tcllib 1.21+dfsg-1) takes no client without a subprotocol, asks for an empty one itself, and
# answers no ping amid a message of its own.
#
# Expected: `Sec-WebSocket-Protocol` is optional, and has at least one name where it is there (RFC 6455 sections 4.1, 4.2.1 and 4.3). "Control frames MAY be
# injected in the middle of a fragmented message" (section 5.4), and a ping is answered with a pong (section 5.5.2). `websocket::test` "will
# test if the connection from an incoming client [...] is the opening of a WebSocket stream" (its manual page).
# Seen: for a handshake without `Sec-WebSocket-Protocol`, as that of `new WebSocket(url)` in a browser, `test` ends with the error `key "protocols" not
# known in dictionary`; with a name it is 1. `websocket::open` without a subprotocol sends the field with no name in it. Behind the first part of a
# message, `send` of a pong, with which the module answers pings, is "Cannot change type of message under continuation!".
#
# Servers with it serve few clients, and strict servers refuse its client.
#
# Usage: findings/websocket-of-tcllib-fails-without-a-subprotocol.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and python3; Tcl 8.6 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet tcl8.6=8.6.13+dfsg-2 libtcl8.6=8.6.13+dfsg-2 tcllib=1.21+dfsg-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
export TCL_LIBRARY=$work/package/usr/share/tcltk/tcl8.6 TCLLIBPATH=$work/package/usr/share/tcltk/tcllib1.21

cat >server.py <<'PYTHON'
import base64
import hashlib
import socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
listener = socket.create_server(("127.0.0.1", 0))
with open("port", "w") as port:
    port.write(f"{listener.getsockname()[1]}\n")
connection, _ = listener.accept()
stream = connection.makefile("rb")
for line in iter(stream.readline, b"\r\n"):
    name, _, value = line.partition(b":")
    if name.lower() == b"sec-websocket-key":
        key = value.strip()
    if name.lower() == b"sec-websocket-protocol":
        print(f"the client asks for the subprotocols {value.strip()}", flush=True)
accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
connection.sendall(
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
)
stream.read()
PYTHON
timeout 60 python3 server.py >asked &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done

cat >main.tcl <<'TCL'
package require http
package require websocket

proc expect {what seen expected} {
    puts "$what: $seen"
    if {$seen ne $expected} { error "it was $expected" }
}

websocket::server listener
websocket::live listener /chat handler
set fields {Connection Upgrade Upgrade websocket Sec-WebSocket-Version 13 Sec-WebSocket-Key dGhlIHNhbXBsZSBub25jZQ==}
catch {websocket::test listener client /chat [concat $fields {Sec-WebSocket-Protocol chat}]} seen
expect {a client with a subprotocol} $seen 1
catch {websocket::test listener client /chat $fields} seen
expect {a client without one} $seen {key "protocols" not known in dictionary}

proc handler {socket type message} {
    if {$type eq "connect"} { set ::connected $socket }
}
after 20000 {set ::connected {}}
websocket::open ws://127.0.0.1:[lindex $argv 0]/chat handler
vwait connected
websocket::send $connected text part 0
catch {websocket::send $connected 10 {}} seen
expect {a pong amid a message} $seen {Cannot change type of message under continuation!}
TCL
package/usr/bin/tclsh8.6 main.tcl "$(<port)"
wait "$server" || true
cat asked
[[ $(<asked) == "the client asks for the subprotocols b''" ]]
echo "as described"
