#!/usr/bin/env bash
# Plack::App::Proxy 0.29 (Perl; Debian package 0.29-1.1) asks the origin for another path than it was asked for, where that has an encoded letter, and
# drops the addresses of the proxies before it.
#
# Expected: "A proxy MUST NOT modify the "absolute-path" and "query" parts of the received target URI" (RFC 9110 section 7.7); PATH_INFO is decoded in
# PSGI, so it has to be encoded again, or REQUEST_URI taken. X-Forwarded-For is a list, to which each proxy adds what it sees.
# Seen: for `/what%3Fnow` the origin is asked for `/what?now`, a path and a query, and for `/100%2525` for `/100%25`. A request with `X-Forwarded-For:
# 192.0.2.1` reaches it with the address of the proxy before alone.
#
# Files with such names are not found, and the one who asks is the last proxy for each log and each limit behind it.
#
# Usage: findings/plack-app-proxy-asks-for-a-query-where-a-path-has-a-question-mark.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libplack-app-proxy-perl=0.29-1.1 libplack-perl=1.0050-1 libhash-multivalue-perl=0.16-3 \
    libstream-buffered-perl=0.03-3 libcookie-baker-perl=0.11-3 libhttp-headers-fast-perl=0.22-3 libhttp-entity-parser-perl=0.25-2 \
    libhttp-multipartparser-perl=0.02-3 libwww-form-urlencoded-perl=0.26-2 libjson-maybexs-perl=1.004004-1 \
    libmodule-runtime-perl=0.016-2 libdevel-stacktrace-perl=2.0400-2 libwww-perl=6.68-1 libnet-http-perl=6.22-1 \
    libhttp-message-perl=6.44-1 liburi-perl=5.17-1 libhttp-date-perl=6.05-2 liblwp-mediatypes-perl=6.04-2 libencode-locale-perl=1.05-3 \
    libio-html-perl=1.004-3 libclone-perl=0.46-1 libtry-tiny-perl=0.31-2 libhtml-parser-perl=3.81-1+deb12u1 libhtml-tagset-perl=3.20-6 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use HTTP::Request;
use IO::Socket::INET;
use Plack::App::Proxy;
use Plack::Test;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die $!;
my $server = fork // die $!;
if (!$server) {
    # An origin that answers with what it was asked for, and for whom.
    while (my $connection = $listener->accept) {
        my $head = '';
        while (my $line = <$connection>) {
            last if $line eq "\r\n";
            $head .= $line;
        }
        my ($path) = $head =~ m{^GET (\S+)};
        my ($for) = $head =~ m{^X-Forwarded-For: (.*?)\r}mi;
        my $text = "$path for $for";
        print $connection "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ", length $text, "\r\n\r\n$text";
        close $connection;
    }
    exit;
}
my $proxy = Plack::App::Proxy->new(remote => 'http://127.0.0.1:' . $listener->sockport, backend => 'LWP')->to_app;
my $through = Plack::Test->create($proxy);
my @seen;
for my $request (['/plain?a=b'], ['/what%3Fnow'], ['/100%2525'], ['/plain', ['X-Forwarded-For' => '192.0.2.1']]) {
    push @seen, $through->request(HTTP::Request->new(GET => @$request))->content;
    print "GET $request->[0]: the origin is asked for $seen[-1]\n";
}
kill TERM => $server;
my @expected = map { "$_ for 127.0.0.1" } '/plain?a=b', '/what?now', '/100%25', '/plain';
die "@expected" if "@seen" ne "@expected";
PERL
perl main.pl
echo "as described"
