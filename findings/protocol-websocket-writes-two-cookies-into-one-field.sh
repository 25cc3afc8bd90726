#!/usr/bin/env bash
# Protocol::WebSocket 0.26 (Perl; Debian package 0.26-3): its server writes two cookies into one field, and clients keep one of them, or none.
#
# Expected: "Origin servers SHOULD NOT fold multiple Set-Cookie header fields into a single header field", since a comma may be a part of one cookie
# (RFC 6265 section 3). `cookie` of a response adds one each time.
# Seen: a response to which `id` and `theme` were added has `Set-Cookie: id=7; Version=1,theme=7; Version=1`. tough-cookie 5.1.2 (Node.js) keeps `id`
# alone, with an attribute of a strange name behind it; Python's http.cookiejar keeps none. One cookie is kept by both.
#
# Usage: findings/protocol-websocket-writes-two-cookies-into-one-field.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, Perl 5.36, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libprotocol-websocket-perl=0.26-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund tough-cookie@5.1.2

cat >handshake.pl <<'PERL'
use strict;
use warnings;
use Protocol::WebSocket::Handshake::Server;

my $fields = "GET /feed HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
my $server = Protocol::WebSocket::Handshake::Server->new;
my $request = "$fields\r\n";
$server->parse($request);
$server->res->cookie(%$_) for map { { name => $_, value => 7 } } @ARGV;
print $server->to_string =~ /^(Set-Cookie: .*)\r$/mg;
PERL
cat >keep.py <<'PYTHON'
import email.message
import http.cookiejar
import sys
import types
import urllib.request

message = email.message.Message()
message["Set-Cookie"] = sys.argv[1].removeprefix("Set-Cookie: ")
jar = http.cookiejar.CookieJar()
jar.extract_cookies(types.SimpleNamespace(info=lambda: message), urllib.request.Request("http://localhost/feed"))
print(*(cookie.name for cookie in jar))
PYTHON
cat >keep.js <<'JAVASCRIPT'
const { CookieJar } = require('tough-cookie');
const jar = new CookieJar();
jar.setCookieSync(process.argv[2].replace('Set-Cookie: ', ''), 'http://localhost/feed');
console.log(jar.getCookiesSync('http://localhost/feed').map((cookie) => cookie.key).join(' '));
JAVASCRIPT
for names in id 'id theme'; do
    field=$(perl handshake.pl $names)
    python=$(python3 keep.py "$field")
    node=$(node keep.js "$field")
    echo "$field: http.cookiejar keeps '$python', tough-cookie keeps '$node'"
    case $names in
        id) [[ $field == 'Set-Cookie: id=7; Version=1' && $python == id && $node == id ]] ;;
        *) [[ $field == 'Set-Cookie: id=7; Version=1,theme=7; Version=1' && $python == '' && $node == id ]] ;;
    esac
done
echo "as described"
