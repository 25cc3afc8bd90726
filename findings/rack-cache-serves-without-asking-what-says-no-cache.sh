#!/usr/bin/env bash
# rack-cache 1.2 (Ruby, Debian package 1.2-4.1) answers out of its store, without asking the application, what the application marked with `no-cache` or
# `Vary: *`, and raises an error for `Expires: 0`.
#
# Expected: its README calls it "Standards-based (RFC 2616)". A response with `no-cache` must not be used for another request without validation (RFC
# 2616 section 14.9.1, RFC 9111 5.2.2.4), also if it has a max-age. `Vary: *` never matches (RFC 2616 section 13.6, RFC 9111 4.1). An Expires that is no
# date, "especially" 0, is one in the past (RFC 2616 section 14.21, RFC 9111 5.3), so the response is stale and no more.
# Seen: with `no-cache, max-age=60` and with `Vary: *` the second request gets the first one's body, "fresh". With `Expires: 0` each request ends in an
# ArgumentError, "not RFC 2616 compliant date"; with an ETag as well the first request passes and each one behind it fails. The same with max-age=0 in
# place of Expires asks the application each time. In a request no-cache is read (with allow_reload).
#
# An application that says no-cache, so that caches keep the body and ask each time, has its old pages shown for a minute; one that says `Expires: 0`, as
# many do for old caches, answers nothing.
#
# Usage: findings/rack-cache-serves-without-asking-what-says-no-cache.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-rack=2.2.22-0+deb12u2 \
    ruby-rack-cache=1.2-4.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0:$work/package/usr/share/rubygems-integration/all/gems/rack-2.2.22/lib

cat >main.rb <<'RUBY'
require 'rack'
require 'rack/cache'

AN_ERROR = 'ArgumentError: not RFC 2616 compliant date: "0"'
PATHS = ('a'..'z').each

# What three requests in a row get; the body counts the calls of the application.
def three_answers(fields)
  calls = 0
  application = ->(_) { [200, { 'Content-Type' => 'text/plain' }.merge(fields), ["body #{calls += 1}"]] }
  cache = Rack::Cache.new(application, metastore: 'heap:/', entitystore: 'heap:/', verbose: false)
  path = "/#{PATHS.next}"
  Array.new(3) do
    _, headers, body = cache.call(Rack::MockRequest.env_for(path))
    "#{body.each.to_a.join} (#{headers['X-Rack-Cache']})"
  rescue ArgumentError => error
    "#{error.class}: #{error.message}"
  end
end

kept = ['body 1 (miss, store)', 'body 1 (fresh)', 'body 1 (fresh)']
asked = ['body 1 (miss, store)', 'body 2 (stale, invalid, store)', 'body 3 (stale, invalid, store)']
[
  [{ 'Cache-Control' => 'max-age=60' }, kept],
  [{ 'Cache-Control' => 'no-store, max-age=60' }, ['body 1 (miss)', 'body 2 (miss)', 'body 3 (miss)']],
  [{ 'Cache-Control' => 'no-cache, max-age=60' }, kept],
  [{ 'Cache-Control' => 'no-cache, max-age=60', 'ETag' => '"a"' }, kept],
  [{ 'Cache-Control' => 'max-age=60', 'Vary' => '*' }, kept],
  [{ 'Cache-Control' => 'max-age=0', 'ETag' => '"a"' }, asked],
  [{ 'Expires' => 'Thu, 01 Jan 1970 00:00:00 GMT', 'ETag' => '"a"' }, asked],
  [{ 'Expires' => '0', 'ETag' => '"a"' }, ['body 1 (miss, store)', AN_ERROR, AN_ERROR]],
  [{ 'Expires' => '0' }, [AN_ERROR, AN_ERROR, AN_ERROR]],
].each do |fields, expected|
  seen = three_answers(fields)
  puts "#{fields}: #{seen.join('; ')}"
  raise "it was #{expected}" unless seen == expected
end
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
