#!/usr/bin/env bash
# cookiejar 0.3.3 (Ruby; Debian package 0.3.3-1.1) refuses each cookie with SameSite, those for a path above or beside, and those of a host two levels down.
#
# Expected: attributes that a client does not know are ignored (RFC 6265 section 5.2), a cookie may be for a path other than that of the page (section
# 5.3), and a domain for all hosts below it (section 5.1.3). It is "a library to help manage client-side cookies", whose roadmap has RFC 6265 (its README).
# Seen: `SameSite=Lax` is "Unknown cookie parameter", and `set_cookies_from_headers` leaves the cookie out without a word. So are those with `Priority`,
# with `Path=/other` behind /login, and with `Domain=example.org` from a.b.example.org. Netscape's own attributes, `Secure` and `HttpOnly` are taken.
#
# Servers of today send SameSite with sessions: a program with this jar is never logged in. em-http-request uses it.
#
# Usage: findings/cookiejar-of-ruby-refuses-each-cookie-with-samesite.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-cookiejar=0.3.3-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

cat >main.rb <<'RUBY'
require 'cookiejar'

[
  ['a=1; Path=/', true],
  ['b=2; Path=/; Secure; HttpOnly; Expires=Wed, 01 Jan 2098 00:00:00 GMT', true],
  ['c=3; Path=/; SameSite=Lax', false],
  ['d=4; Path=/; Priority=High', false],
  ['e=5; Path=/other', false],
  ['f=6; Path=/; Domain=example.org', false]
].each do |field, expected|
  taken = CookieJar::Jar.new.set_cookies_from_headers('https://a.b.example.org/login', 'Set-Cookie' => field).size == 1
  puts "#{field}: #{taken ? 'taken' : 'left out'}"
  raise 'this has changed' if taken != expected
end
begin
  CookieJar::Jar.new.set_cookie('https://a.b.example.org/login', 'c=3; SameSite=Lax')
  raise 'this has changed'
rescue CookieJar::InvalidCookieError => e
  puts e.message
end
RUBY
package/usr/bin/ruby3.1 main.rb
echo "as described"
