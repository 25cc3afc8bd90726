#!/usr/bin/env bash
# Four clients take an interim response for the answer: LWP 6.68 with Net::HTTP 6.22 and HTTP::Lite 2.44 (Perl; Debian packages 6.68-1, 6.22-1 and
# 2.44-3), excon 0.88.0 (Ruby; 0.88.0-1), LuaSocket 3.1.0 (Lua; 3.1.0-1+b1).
#
# Expected: "A client MUST be able to parse one or more 1xx responses received prior to a final response, even if the client does not expect one" (RFC
# 9110 section 15.2).
# Seen: of 103 with a Link, and 200 behind it, all four hand out the status 103. For LWP and LuaSocket there is no body, for HTTP::Lite and excon the
# whole of the final response, with its status line and its fields, is the body. HTTP::Tiny of Perl 5.36, Net::HTTP of Ruby 3.1 and curl hand out 200
# and its body.
#
# Hints may go to clients that are known to read them, as browsers are.
#
# Usage: findings/four-clients-for-perl-ruby-and-lua-take-early-hints-for-the-answer.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, Perl 5.36, python3 and curl; Ruby 3.1 and Lua 5.1 are fetched too. Fails if the behaviour
# differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libwww-perl=6.68-1 libnet-http-perl=6.22-1 libhttp-message-perl=6.44-1 liburi-perl=5.17-1 \
    libhttp-date-perl=6.05-2 liblwp-mediatypes-perl=6.04-2 libencode-locale-perl=1.05-3 libio-html-perl=1.004-3 libclone-perl=0.46-1 \
    libtry-tiny-perl=0.31-2 libhtml-parser-perl=3.81-1+deb12u1 libhtml-tagset-perl=3.20-6 libhttp-lite-perl=2.44-3 \
    ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-excon=0.88.0-1 lua5.1=5.1.5-9 liblua5.1-0=5.1.5-9 \
    lua-socket=3.1.0-1+b1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export PERL5LIB=$work/package/usr/share/perl5:$lib/x86_64-linux-gnu/perl5/5.36
export RUBYLIB=$work/package/usr/share/rubygems-integration/all/gems/excon-0.88.0/lib:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0
export LUA_PATH="$work/package/usr/share/lua/5.1/?.lua" LUA_CPATH="$lib/x86_64-linux-gnu/lua/5.1/?.so"

cat >server.py <<'PYTHON'
import socket

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nneutral"

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head and (received := connection.recv(4096)):
        head += received
    connection.sendall((HINTS if b"GET /hints" in head else b"") + ANSWER)
    connection.close()
PYTHON
python3 server.py >port &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done

cat >lwp.pl <<'PERL'
use LWP::UserAgent;
my $answer = LWP::UserAgent->new(timeout => 10)->get($ARGV[0]);
print $answer->code, ' ', $answer->content;
PERL
cat >lite.pl <<'PERL'
use HTTP::Lite;
my $client = HTTP::Lite->new;
my $status = $client->request($ARGV[0]);
print "$status ", $client->body;
PERL
cat >tiny.pl <<'PERL'
use HTTP::Tiny;
my $answer = HTTP::Tiny->new(timeout => 10)->get($ARGV[0]);
print "$answer->{status} $answer->{content}";
PERL
cat >excon.rb <<'RUBY'
require 'excon'
answer = Excon.get(ARGV[0], read_timeout: 10)
print answer.status, ' ', answer.body
RUBY
cat >net.rb <<'RUBY'
require 'net/http'
answer = Net::HTTP.get_response(URI(ARGV[0]))
print answer.code, ' ', answer.body
RUBY
cat >socket.lua <<'LUA'
local body, status = require("socket.http").request(arg[1])
io.write(status, " ", body)
LUA
ruby() { LD_LIBRARY_PATH=$lib/x86_64-linux-gnu package/usr/bin/ruby3.1 --disable-gems "$@"; }
lua() { LD_LIBRARY_PATH=$lib/x86_64-linux-gnu package/usr/bin/lua5.1 "$@"; }

whole=$'103 HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nneutral'
check() {
    local plain hints expected=$1
    shift
    plain=$("$@" "http://127.0.0.1:$(cat port)/plain")
    hints=$("$@" "http://127.0.0.1:$(cat port)/hints")
    echo "$*: '$plain', and behind 103 '${hints//[$'\r\n']/ }'"
    [[ $plain == '200 neutral' && $hints == "$expected" ]]
}
check '103 ' perl lwp.pl
check "$whole" perl lite.pl
check '200 neutral' perl tiny.pl
check "$whole" ruby excon.rb
check '200 neutral' ruby net.rb
check '103 ' lua socket.lua
[[ $(curl --silent --max-time 10 "http://127.0.0.1:$(cat port)/hints") == neutral ]]
echo "as described"
