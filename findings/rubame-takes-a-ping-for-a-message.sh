#!/usr/bin/env bash
# Rubame 0.0.3 (Ruby; Debian package 0.0.3~git20131224.f3c78ba-3) hands out pings as messages, and answers neither them nor a close.
#
# Expected: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response" (RFC 6455 section 5.5.2), and who receives a close sends one
# (section 5.5.1); both are control frames, not messages (section 5.5). It is a WebSocket server with `onmessage` (its README).
# Seen: of a ping with `p` and a text `t`, `onmessage` gets `p` and `t`, and the client nothing but the echo of both. Behind a close with 1000 it closes
# the connection without a frame.
#
# Clients that watch a connection with pings give it up, the application takes what they sent for a message, and each end is one without a code (1006).
#
# Usage: findings/rubame-takes-a-ping-for-a-message.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and python3; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-websocket=1.2.9-3 \
    ruby-rubame=0.0.3~git20131224.f3c78ba-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0:$work/package/usr/share/rubygems-integration/all/gems/websocket-1.2.9/lib

cat >server.rb <<'RUBY'
require 'rubame'

server = Rubame::Server.new('127.0.0.1', ARGV[0].to_i)
puts 'ready'
$stdout.flush
loop do
  server.run(0.05) do |client|
    client.onmessage { |message| client.send("message #{message}") }
  end
end
RUBY
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
package/usr/bin/ruby3.1 server.rb "$port" >ready &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s ready ]]; do
    kill -0 "$server"
    sleep 0.05
done

cat >client.py <<'PYTHON'
import socket
import sys

MASK = b"\x01\x02\x03\x04"


def frame(opcode, data):
    return bytes([0x80 | opcode, 0x80 | len(data)]) + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(data))


def received(stream):
    head = stream.read(2)
    return (head[0] & 15, stream.read(head[1])) if head else "the end"


connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
connection.sendall(
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
stream = connection.makefile("rb")
while stream.readline() != b"\r\n":
    pass
connection.sendall(frame(9, b"p") + frame(1, b"t"))
seen = [received(stream), received(stream)]
connection.sendall(frame(8, b"\x03\xe8"))
seen.append(received(stream))
print(seen)
assert seen == [(1, b"message p"), (1, b"message t"), "the end"]
PYTHON
python3 client.py "$port"
echo "as described"
