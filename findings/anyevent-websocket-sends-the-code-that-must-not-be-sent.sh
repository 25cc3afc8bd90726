#!/usr/bin/env bash
# AnyEvent::WebSocket::Client 0.54 (Perl; Debian package 0.54-1) closes with the code 1005, also where the server closed with 1000.
#
# Expected: "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint"; who answers a close "typically
# echos the status code it received" (RFC 6455 sections 7.4.1 and 5.5.1, which its documentation of `close` names).
# Seen: `close` without a code, and its answer to a close of the server with 1000, are frames with 1005 in their body. `close(1000)` sends 1000.
#
# A server that keeps to the RFC takes each end of such a client for a protocol error.
#
# Usage: findings/anyevent-websocket-sends-the-code-that-must-not-be-sent.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, python3 and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libanyevent-websocket-client-perl=0.54-1 libanyevent-perl=7.170-2+b3 libcommon-sense-perl=3.75-3 libmoo-perl=2.005005-1 \
    libclass-method-modifiers-perl=2.14-1 librole-tiny-perl=2.002004-1 libsub-quote-perl=2.006008-1 libperlx-maybe-perl=1.202-1 \
    libprotocol-websocket-perl=0.26-3 liburi-perl=5.17-1 liburi-ws-perl=0.03-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >server.py <<'PYTHON'
import base64
import hashlib
import socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
listener = socket.create_server(("127.0.0.1", 0))
with open("port", "w") as port:
    port.write(f"{listener.getsockname()[1]}\n")
for said in (b"", b"", b"\x88\x02\x03\xe8"):
    connection, _ = listener.accept()
    stream = connection.makefile("rb")
    for line in iter(stream.readline, b"\r\n"):
        if line.lower().startswith(b"sec-websocket-key:"):
            key = line.split(b":", 1)[1].strip()
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    connection.sendall(head + said)
    first, length = stream.read(2)
    mask = stream.read(4)
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(stream.read(length & 127)))
    print(f"opcode {first & 15}, code {int.from_bytes(body[:2], 'big')}", flush=True)
    stream.close()
    connection.close()
PYTHON
timeout 60 python3 server.py >codes &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done

cat >client.pl <<'PERL'
use strict;
use warnings;
use AnyEvent;
use AnyEvent::WebSocket::Client;

my ($port, $what) = @ARGV;
my $connection = AnyEvent::WebSocket::Client->new->connect("ws://127.0.0.1:$port/")->recv;
my $finished = AnyEvent->condvar;
$connection->on(finish => sub { $finished->send });
$connection->close(1000) if $what eq 'with a code';
$connection->close if $what eq 'without a code';
$finished->recv;
PERL
for what in 'with a code' 'without a code' 'as the server closes'; do timeout 60 perl client.pl "$(<port)" "$what"; done
wait "$server"
cat codes
[[ $(<codes) == $'opcode 8, code 1000\nopcode 8, code 1005\nopcode 8, code 1005' ]]
echo "as described"
