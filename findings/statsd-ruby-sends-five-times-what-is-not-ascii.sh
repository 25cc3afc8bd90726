#!/usr/bin/env bash
# statsd-ruby 1.4.0 (Debian package 1.4.0-1.1) sends a metric five times if its name or its value has a letter outside of ASCII.
#
# Expected: `increment` "Sends an increment (count = 1) for the given stat to the statsd server" (its documentation).
# Seen: what was written is counted in bytes and compared with the length of the text in letters; for `größe` that is 6 and 8. The library takes that
# for half a message, connects again and sends the whole of it again, five times in all, and raises an error, which it then swallows. A member of a
# set does the same, as `zoë`; of two metrics in a batch both arrive five times if one of them has such a letter.
#
# Counters of such a name are five times too high, gauges and sets are right, and nothing tells.
#
# Usage: findings/statsd-ruby-sends-five-times-what-is-not-ascii.sh
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

server = UDPSocket.new
server.bind('127.0.0.1', 0)
statsd = Statsd.new('127.0.0.1', server.addr[1])
{
  -> { statsd.increment('size') } => { 'size:1|c' => 1 },
  -> { statsd.increment('größe') } => { 'größe:1|c' => 5 },
  -> { statsd.set('users', 'zoë') } => { 'users:zoë|s' => 5 },
  -> { statsd.batch { |batch| %w[one größe].each { |name| batch.increment(name) } } } => { "one:1|c\ngröße:1|c" => 5 },
}.each do |send, expected|
  send.call
  statsd.gauge('end', 1)
  received = Hash.new(0)
  until (message = server.recv(1000).force_encoding('UTF-8')) == 'end:1|g'
    received[message] += 1
  end
  puts received.inspect
  raise "it was #{expected}" unless received == expected
end
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
