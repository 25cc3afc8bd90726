#!/usr/bin/env bash
# @balena/proxy-protocol-parser 1.0.2 (Node.js): `v2_encode` writes the length of the address block into the wrong byte, and
# the command LOCAL.
#
# Expected: bytes 15 and 16 of a header of version 2 are the length in network byte order, 12 for IPv4 and 36 for IPv6, and
# the lowest four bits of byte 13 are 1 (PROXY) where the header tells of a client (proxy-protocol.txt 2.2).
# Seen: the length is 0x0c00, 3,072, or 0x2400, 9,216: a receiver takes so many bytes of the request for the rest of the
# header. haproxy 2.6.12, told to accept the protocol, resets the connection of a request that is shorter. With the length
# put right it answers, and takes the proxy for the client, since LOCAL says that there is none. `v2_decode` of the same
# package looks at neither field, so a test against itself stays green; `v1_encode` is right.
#
# Usage: findings/balena-proxy-protocol-says-3072-for-a-block-of-12.sh
# Needs Node.js 20, npm with its registry, apt-get with the archive of Debian 12, dpkg-deb, the libraries that haproxy needs,
# and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${haproxy:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @balena/proxy-protocol-parser@1.0.2
apt-get download --quiet haproxy=2.6.12-1+deb12u4 >/dev/null
dpkg-deb --extract haproxy_*.deb package

cat >encode.js <<'JAVASCRIPT'
const assert = require('assert');
const { v1_encode, v2_encode, v2_decode } = require('@balena/proxy-protocol-parser');
const four = { remoteFamily: 'IPv4', remoteAddress: '192.0.2.1', remotePort: 40000, localAddress: '198.51.100.1', localPort: 80 };
const six = { ...four, remoteFamily: 'IPv6', remoteAddress: '2001:db8::1', localAddress: '2001:db8::2' };
assert.strictEqual(v1_encode(four).toString(), 'PROXY TCP4 192.0.2.1 198.51.100.1 40000 80\r\n');
for (const [client, length] of [[four, 12], [six, 36]]) {
    const header = v2_encode(client);
    console.error(`${client.remoteFamily}: ${header.length - 16} bytes follow, the header says ${header.readUInt16BE(14)}, command ${header[12] & 15}`);
    assert.strictEqual(header.length, 16 + length);
    assert.strictEqual(header.readUInt16BE(14), length << 8);
    assert.strictEqual(header[12], 0x20);
    assert.strictEqual(v2_decode(header, true).remoteAddress, client.remoteAddress);
}
console.log(v2_encode(four).toString('hex'));
JAVASCRIPT
header=$(node encode.js)

cat >haproxy.cfg <<'CONFIG'
defaults
  mode http
  timeout client 2s
  timeout connect 2s
  timeout server 2s
frontend web
  bind unix@web.sock accept-proxy
  http-request return status 200 content-type text/plain lf-string "client %[src]"
CONFIG
package/usr/sbin/haproxy -f haproxy.cfg &
haproxy=$!

# Sends a request of fewer bytes than the header announces, behind the header as it is, with its length put right, and with its
# command put right as well.
python3 - "$header" <<'PYTHON'
import socket
import sys
import time

header = bytes.fromhex(sys.argv[1])
length = header[:14] + bytes([0, 12]) + header[16:]
both = length[:12] + bytes([0x21]) + length[13:]


def asked(header):
    client = socket.socket(socket.AF_UNIX)
    deadline = time.monotonic() + 5
    while client.connect_ex("web.sock"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    client.settimeout(5)
    client.sendall(header + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        return client.recv(4096).decode().split("\r\n\r\n")[-1]
    except ConnectionResetError:
        return "the connection is reset"


answers = [asked(one) for one in (header, length, both)]
for name, answer in zip(("as it is", "length put right", "command too"), answers):
    print(f"haproxy, {name}: {answer}")
assert answers[0] == "the connection is reset"
assert "192.0.2.1" not in answers[1]
assert answers[2] == "client 192.0.2.1"
PYTHON
echo "as described"
