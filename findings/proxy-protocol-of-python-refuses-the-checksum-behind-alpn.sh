#!/usr/bin/env bash
# proxy-protocol 0.11.3 (Python) with its extra crc32c: a right checksum is an error unless the TLVs come in the order of their
# numbers, as those of haproxy do not.
#
# Expected: the checksum is that of the whole header as it was sent, with the four bytes of the checksum as zeroes
# (proxy-protocol.txt 2.2.3); nothing orders TLVs.
# Seen: the reader keeps TLVs in a table by their type, and computes the checksum over what it writes out of the table, in the
# order of the types. haproxy 2.6.12 with `proxy-v2-options crc32c` writes the checksum (3) before ALPN (1). A client of its
# that agrees on a protocol by ALPN, as browsers and curl do, ends with ProxyProtocolChecksumError; one that does not, as many
# health checks, gets through. Without the extra nothing is checked.
#
# Usage: findings/proxy-protocol-of-python-refuses-the-checksum-behind-alpn.sh
# Needs python3 with venv, pip and its index, apt-get with the archive of Debian 12, dpkg-deb, the libraries that haproxy needs,
# openssl and curl. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check 'proxy-protocol[crc32c]==0.11.3' crc32c==2.9.post0
apt-get download --quiet haproxy=2.6.12-1+deb12u4 >/dev/null
dpkg-deb --extract haproxy_*.deb package
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -subj /CN=localhost -days 2 2>/dev/null
cat certificate.pem key.pem >both.pem

# A server that looks at the TLVs by itself, and has the library read the same bytes.
cat >server.py <<'PYTHON'
import asyncio
import struct

from crc32c import crc32c
from proxyprotocol.reader import ProxyProtocolReader
from proxyprotocol.v2 import ProxyProtocolV2


def types_and_sum(raw):
    """The types of the TLVs in their order, and whether the checksum is that of the bytes as they came."""
    header = bytearray(raw[: 16 + int.from_bytes(raw[14:16], "big")])
    at, types, said = 16 + 12, [], None
    while at < len(header):
        kind, length = struct.unpack_from("!BH", header, at)
        types.append(kind)
        if kind == 3:
            (said,) = struct.unpack_from("!L", header, at + 3)
            header[at + 3 : at + 7] = bytes(4)
        at += 3 + length
    return types, said == crc32c(bytes(header))


async def serve(reader, writer):
    raw = await reader.read(4096)
    types, right = types_and_sum(raw)
    again = asyncio.StreamReader()
    again.feed_data(raw)
    again.feed_eof()
    try:
        result = await ProxyProtocolReader(ProxyProtocolV2()).read(again)
        outcome = f"read, from {result.source[0]}"
    except Exception as error:
        outcome = type(error).__name__
    body = f"TLVs {types}, checksum {'right' if right else 'wrong'}: {outcome}\n".encode()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    writer.close()


async def main():
    server = await asyncio.start_unix_server(serve, "server.sock")
    await server.serve_forever()


asyncio.run(main())
PYTHON
python/bin/python server.py &
pids+=($!)

port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >haproxy.cfg <<CONFIG
defaults
  mode tcp
  timeout client 5s
  timeout connect 5s
  timeout server 5s
listen web
  bind 127.0.0.1:$port ssl crt both.pem alpn http/1.1
  server one unix@server.sock send-proxy-v2 proxy-v2-options crc32c
CONFIG
package/usr/sbin/haproxy -f haproxy.cfg &
pids+=($!)

# asked OPTION...: what the server says.
asked() {
    curl --silent --insecure --retry 5 --retry-connrefused --retry-delay 1 --max-time 20 "$@" "https://127.0.0.1:$port/"
}
without=$(asked --no-alpn)
with=$(asked)
echo "without ALPN: $without"
echo "with ALPN: $with"
[[ $without == 'TLVs [3], checksum right: read, from 127.0.0.1' ]]
[[ $with == 'TLVs [3, 1], checksum right: ProxyProtocolChecksumError' ]]
echo "as described"
