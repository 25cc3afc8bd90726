#!/usr/bin/env bash
# statsd-ruby 1.4.0 (Debian package 1.4.0-1.1) over TCP writes one metric right behind the other, and a server reads one broken line.
#
# Expected: a metric is a line; statsd's TCP server ends one at each line feed, and wants one behind the last (statsd, docs/server.md and
# servers/tcp.js), since TCP has no packets. The library has the protocol `:tcp` as a choice.
# Seen: `increment` of a and of b is `a:1|cb:1|c`; a batch of two has a line feed between them and none behind. Over UDP each is a packet of its own.
#
# Of all that is sent over one connection a server gets nothing, or a first metric with a sample rate that makes no sense.
#
# Usage: findings/statsd-ruby-joins-metrics-over-tcp.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-statsd=1.4.0-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

cat >main.rb <<'RUBY'
require 'socket'
require 'statsd'

server = TCPServer.new('127.0.0.1', 0)
statsd = Statsd.new('127.0.0.1', server.addr[1], :tcp)
connection = server.accept
statsd.increment('a')
statsd.increment('b')
statsd.batch { |batch| %w[c d].each { |name| batch.increment(name) } }
statsd.increment('e')
expected = "a:1|cb:1|cc:1|c\nd:1|ce:1|c"
received = connection.read(expected.size)
puts "over TCP: #{received.inspect}, and nothing more: #{connection.wait_readable(0.2).nil?}"
raise "it was #{expected.inspect}" unless received == expected && connection.wait_readable(0.2).nil?

server = UDPSocket.new
server.bind('127.0.0.1', 0)
statsd = Statsd.new('127.0.0.1', server.addr[1])
%w[a b].each { |name| statsd.increment(name) }
packets = Array.new(2) { server.recv(1000) }
puts "over UDP: #{packets.inspect}"
raise 'UDP' unless packets == ['a:1|c', 'b:1|c']
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
