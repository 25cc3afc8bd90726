#!/usr/bin/env bash
# net-http-digest-auth 1.4.1 (Ruby; Debian package 1.4.1-1) says that its first request is number 0, and goes on counting with a new nonce.
#
# Expected: nc is "the hexadecimal count of the number of requests (including the current request) that the client has sent with the nonce value in
# this request. For example, in the first request sent in response to a given nonce value, the client sends "nc=00000001"" (RFC 7616 section 3.4).
# Seen: the first header has `nc=00000000`, the second `nc=00000001`; behind a challenge with another nonce the third has `nc=00000002`.
#
# A server that keeps the highest count of each nonce refuses the first request as one that it has had already, or all of them.
#
# Usage: findings/net-http-digest-auth-counts-requests-from-0.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-net-http-digest-auth=1.4.1-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

cat >main.rb <<'RUBY'
require 'net/http/digest_auth'

client = Net::HTTP::DigestAuth.new
counts = %w[first first second].map do |nonce|
  challenge = %(Digest realm="r", qop="auth", nonce="#{nonce}")
  client.auth_header(URI('http://u:p@localhost/'), challenge, 'GET')[/nc=(\w+)/, 1]
end
puts "two requests with one nonce and one with another: #{counts.join(', ')}"
raise 'it differs' unless counts == %w[00000000 00000001 00000002]
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
