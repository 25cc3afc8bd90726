#!/usr/bin/env bash
# Two readers of Accept and its kin for Ruby raise an error for a blank where the grammar has one: rack-accept 0.4.5 (Debian package 0.4.5-3.1) behind
# a media type and before a comma, http-accept 2.2.0 (2.2.0-1) before the weight of a coding.
#
# Expected: blanks may be around each comma of a list and each semicolon of a parameter, and a list may have empty elements (RFC 9110 sections 5.6.1,
# 5.6.6 and 12.4.2: `weight = OWS ";" OWS "q=" qvalue`).
# Seen: rack-accept raises "Invalid header value" for `text/html; level=1`, `gzip , br` and `gzip,,br`, http-accept "Could not parse entire string!"
# for `gzip; q=0.5` and `gzip,,br`. For `gzip;Q=0.5` rack-accept has a coding of the name `gzip;q=0.5`, and http-accept an error: names of parameters
# have no case. Without blanks both read all of these.
#
# A client that writes its fields with blanks gets 500 for each request.
#
# Usage: findings/two-readers-of-accept-for-ruby-refuse-blanks.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-rack=2.2.22-0+deb12u2 \
    ruby-rack-accept=0.4.5-3.1 ruby-http-accept=2.2.0-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0:$work/package/usr/share/rubygems-integration/all/gems/rack-2.2.22/lib:$work/package/usr/share/rubygems-integration/all/gems/http-accept-2.2.0/lib

cat >main.rb <<'RUBY'
require 'http/accept'
require 'rack'
require 'rack/accept'

REFUSED = 'an error'
by_rack = { type: Rack::Accept::MediaType, coding: Rack::Accept::Encoding }
by_http = {
  type: ->(field) { HTTP::Accept::MediaTypes.parse(field).to_h { |range| [range.mime_type, range.quality_factor] } },
  coding: ->(field) { HTTP::Accept::Encodings.parse(field).to_h { |coding| [coding.encoding, coding.quality_factor] } },
}
[
  [:type, 'text/html, */*;q=0.5', { 'text/html' => 1, '*/*' => 0.5 }, { 'text/html' => 1, '*/*' => 0.5 }],
  [:type, 'text/html; level=1', REFUSED, { 'text/html' => 1 }],
  [:coding, 'gzip;q=0.5, br', { 'gzip' => 0.5, 'br' => 1 }, { 'gzip' => 0.5, 'br' => 1 }],
  [:coding, 'gzip; q=0.5, br', { 'gzip' => 0.5, 'br' => 1 }, REFUSED],
  [:coding, 'gzip , br', REFUSED, { 'gzip' => 1, 'br' => 1 }],
  [:coding, 'gzip,,br', REFUSED, REFUSED],
  [:coding, 'gzip;Q=0.5', { 'gzip;q=0.5' => 1 }, REFUSED],
].each do |kind, field, *expected|
  seen = [
    begin by_rack[kind].new(field).qvalues rescue REFUSED end,
    begin by_http[kind].call(field) rescue REFUSED end,
  ]
  puts "#{field}: rack-accept #{seen[0]}, http-accept #{seen[1]}"
  raise "it was #{expected}" unless seen == expected
end
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
