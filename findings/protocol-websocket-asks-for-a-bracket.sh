#!/usr/bin/env bash
# Protocol::WebSocket 0.26 (Perl; Debian package 0.26-3) asks for the host `[` and the port 80 where an address is one of IPv6.
#
# Expected: an address of IPv6 stands in brackets, and a port behind them (RFC 3986 sections 3.2.2 and 3.2.3), in the request's Host as well.
# Seen: for `ws://[::1]:8080/feed` the parsed address has the host `[` and the port 80, and the request says `Host: [`. `ws://127.0.0.1:8080/feed`
# gives `Host: 127.0.0.1:8080`. A server that reads Host by its grammar answers 400.
#
# Usage: findings/protocol-websocket-asks-for-a-bracket.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libprotocol-websocket-perl=0.26-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >addresses.pl <<'PERL'
use strict;
use warnings;
use Protocol::WebSocket::Handshake::Client;
use Protocol::WebSocket::URL;

for my $case (
    ['ws://localhost/feed', 'localhost 80 localhost'],
    ['ws://127.0.0.1:8080/feed', '127.0.0.1 8080 127.0.0.1:8080'],
    ['ws://[::1]:8080/feed', '[ 80 ['],
) {
    my ($address, $expected) = @$case;
    my $url = Protocol::WebSocket::URL->new->parse($address);
    my ($host) = Protocol::WebSocket::Handshake::Client->new(url => $address)->to_string =~ /^Host: (.*)\r$/m;
    my $seen = join ' ', $url->host, $url->port, $host;
    print "$address: host, port and field Host are $seen\n";
    die $expected if $seen ne $expected;
}
PERL
perl addresses.pl
echo "as described"
