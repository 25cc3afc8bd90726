#!/usr/bin/env bash
# Linux (seen on 6.18): ioctl(SIOCOUTQ) on a Unix stream socket counts the kernel's memory, not the bytes that are unread.
#
# Expected: the bytes in the socket's send queue, as on TCP (tcp(7): "Returns the amount of unsent data in the socket
# queue"); unix(7) documents SIOCINQ alone, which does count bytes on the other end.
# Seen: one byte that the peer has not read counts 768, and 1,001 bytes count 3,072. The figure falls by whole
# buffers of the kernel as the peer reads, and is 0 when all of it is read. On TCP, one byte that the peer has acknowledged
# counts 0.
#
# "Is everything read?" can be asked on both kinds of sockets (is it 0?), "how much is left?" on TCP alone. A server that
# paces a slow reader, or judges a drain, by bytes left has to keep its own count for Unix sockets.
#
# Usage: findings/unix-socket-outq-counts-memory.sh
# Needs python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 - <<'PYTHON'
import fcntl
import platform
import socket
import struct
import time

SIOCOUTQ, SIOCINQ = 0x5411, 0x541B


def ask(which, end):
    return struct.unpack("i", fcntl.ioctl(end, which, bytes(4)))[0]


writer, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
assert ask(SIOCOUTQ, writer) == 0
writer.send(b"x")
one = ask(SIOCOUTQ, writer), ask(SIOCINQ, reader)
writer.send(b"x" * 1000)
many = ask(SIOCOUTQ, writer), ask(SIOCINQ, reader)
reader.recv(1)
fewer = ask(SIOCOUTQ, writer), ask(SIOCINQ, reader)
reader.recv(4096)
none = ask(SIOCOUTQ, writer), ask(SIOCINQ, reader)

listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()
client.send(b"x")
deadline = time.monotonic() + 5
while (tcp := ask(SIOCOUTQ, client)) and time.monotonic() < deadline:
    time.sleep(0.01)

print(f"Linux {platform.release()}: SIOCOUTQ of the writer and SIOCINQ of the reader")
print(f"Unix stream: 1 byte {one}, 1001 bytes {many}, one byte read {fewer}, all read {none}")
print(f"TCP: 1 byte that is acknowledged and unread: {tcp}")
assert one[1] == 1 and one[0] >= 256
assert many[1] == 1001 and many[0] > 1001
assert fewer[1] == 1000 and fewer[0] > 1000
assert none == (0, 0) and tcp == 0
print("as described")
PYTHON
