#!/usr/bin/env bash
# Two clients of Digest authentication for Ruby do not answer the challenge that the RFC gives as its example: net-http-digest-auth 1.4.1 (Debian
# package 1.4.1-1) answers with both kinds of protection at once, and httpauth 0.2.1 (0.2.1+gh-1.1) knows none of them.
#
# Expected: `qop="auth, auth-int"` in a challenge is a list of what the server supports, and the client names the one that it used: `qop=auth` (RFC
# 7616 sections 3.3, 3.4 and 3.9.1). A comma in quotes does not end a parameter.
# Seen: the first writes `qop=auth, auth-int` into its header and into what it hashes: a server that takes `auth` for it gets another hash. The second
# cuts the challenge at each comma: it has the quality `"auth`, and raises "doesn't support any of the proposed qop values". It cuts the uri of a
# request too, `/?ids=1,2` becomes `"/?ids=1`. With `qop="auth"` the response of both is right.
#
# Usage: findings/two-digest-clients-for-ruby-do-not-read-the-challenge-of-the-rfc.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-net-http-digest-auth=1.4.1-1 \
    ruby-httpauth=0.2.1+gh-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

cat >main.rb <<'RUBY'
require 'httpauth'
require 'net/http/digest_auth'

def challenge(qop)
  %(Digest realm="http-auth@example.org", qop="#{qop}", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v")
end

# The protection that the header of a client names, and whether its response is the hash of that.
def check(header)
  qop = header[/qop=([^"]*?), \w+=/, 1]
  nonce, uri, count, own, response = %w[nonce uri nc cnonce response].map { |name| header[/\b#{name}="?([^",]*)/, 1] }
  hash = ->(*parts) { Digest::MD5.hexdigest(parts.join(':')) }
  right = hash.(hash.('Mufasa', 'http-auth@example.org', 'Circle'), nonce, count, own, 'auth', hash.('GET', uri))
  "#{qop} #{response == right ? 'right' : 'wrong'}"
end

def by_net_http(qop)
  check(Net::HTTP::DigestAuth.new.auth_header(URI('http://Mufasa:Circle@localhost/dir'), challenge(qop), 'GET'))
end

def by_httpauth(qop)
  read = HTTPAuth::Digest::Challenge.from_header(challenge(qop))
  check(HTTPAuth::Digest::Credentials.from_challenge(read, username: 'Mufasa', password: 'Circle', uri: '/dir', method: 'GET').to_header)
rescue HTTPAuth::UnsupportedError
  'unsupported'
end

[['auth', 'auth right', 'auth right'], ['auth, auth-int', 'auth, auth-int wrong', 'unsupported']].each do |qop, *expected|
  seen = [by_net_http(qop), by_httpauth(qop)]
  puts "qop=\"#{qop}\": net-http-digest-auth #{seen[0]}, httpauth #{seen[1]}"
  raise "it was #{expected}" unless seen == expected
end
uri = HTTPAuth::Digest::Credentials.from_header('Digest username="u", realm="r", nonce="n", uri="/?ids=1,2", response="d"').h[:uri]
puts "uri=\"/?ids=1,2\" is read as #{uri}"
raise 'uri' unless uri == '"/?ids=1'
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
