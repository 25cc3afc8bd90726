#!/usr/bin/env bash
# Plack::Middleware::Status 1.101150 (Perl; Debian package 1.101150-3) sends a text, its type and its length with 204 and 304.
#
# Expected: the middleware maps paths to answers of a status. An answer of 204 or 304 ends with its fields and holds no content (RFC 9110 sections
# 15.3.5 and 15.4.5), one of 204 must have no Content-Length (section 8.6), and a PSGI answer of 204 or 304 has neither that nor Content-Type (PSGI
# specification).
# Seen: of `status => 204` it makes the ten bytes `No Content`, and of 304 the twelve of `Not Modified`. Starman 0.4016 writes them to the
# connection, and the client finds `No ContentHTTP/1.1 200 OK` where the next answer begins. 410 is right, and so is an application that answers 204
# itself.
#
# A path for probes that says 204 breaks each second request of a client that keeps its connection.
#
# Usage: findings/plack-middleware-status-sends-a-body-with-204.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
server=
trap '[[ -z $server ]] || { kill "$server"; wait "$server" || true; }; rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libplack-middleware-status-perl=1.101150-3 starman=0.4016-1 libplack-perl=1.0050-1 \
    libnet-server-perl=2.013-2 libhttp-parser-xs-perl=0.17-2+b2 libdata-dump-perl=1.25-1 libhttp-date-perl=6.05-2 libhttp-message-perl=6.44-1 \
    liburi-perl=5.17-1 libclone-perl=0.46-1 libencode-locale-perl=1.05-3 libio-html-perl=1.004-3 liblwp-mediatypes-perl=6.04-2 \
    libapache-logformat-compiler-perl=0.36-3 libposix-strftime-compiler-perl=0.44-3 libstream-buffered-perl=0.03-3 libhash-multivalue-perl=0.16-3 \
    libdevel-stacktrace-perl=2.0400-2 libdevel-stacktrace-ashtml-perl=0.15-2 libfilesys-notify-simple-perl=0.14-3 libtry-tiny-perl=0.31-2 \
    libhttp-headers-fast-perl=0.22-3 libhttp-entity-parser-perl=0.25-2 libcookie-baker-perl=0.11-3 libwww-form-urlencoded-perl=0.26-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >app.psgi <<'PERL'
use strict;
use warnings;
use Plack::Builder;

builder {
    enable 'Status', path => qr{^/gone}, status => 410;
    enable 'Status', path => qr{^/ping}, status => 204;
    enable 'Status', path => qr{^/same}, status => 304;
    sub {
        my $env = shift;
        return $env->{PATH_INFO} eq '/own' ? [204, [], []] : [200, ['Content-Type' => 'text/plain', 'Content-Length' => 2], ['ok']];
    };
};
PERL
cat >main.pl <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;

sub same { print "$_[0]: $_[1]\n"; $_[1] eq $_[2] or die "it is not $_[2]\n" }

my $port = shift;
# Two requests on one connection, to a path and to /; what stands behind the fields of the first answer.
sub behind {
    my ($path) = @_;
    my $client;
    for (1 .. 100) {
        $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) and last;
        select undef, undef, undef, 0.1;
    }
    my $first = "GET $path HTTP/1.1\r\nHost: localhost\r\n\r\n";
    print $client $first, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    my $answers = do { local $/; <$client> };
    my ($fields, $rest) = split /\r\n\r\n/, $answers, 2;
    my ($status) = $fields =~ m{^HTTP/1\.1 (\d+)};
    my ($length) = $fields =~ /^Content-Length: (\d+)\r?$/mi;
    my ($line) = split /\r\n/, $rest;
    return "$status, length " . ($length // 'none') . ", then $line";
}
same('/gone', behind('/gone'), '410, length 4, then GoneHTTP/1.1 200 OK');
same('/own', behind('/own'), '204, length none, then HTTP/1.1 200 OK');
same('/ping', behind('/ping'), '204, length 10, then No ContentHTTP/1.1 200 OK');
same('/same', behind('/same'), '304, length 12, then Not ModifiedHTTP/1.1 200 OK');
PERL
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
perl package/usr/bin/starman --workers 1 --listen "127.0.0.1:$port" app.psgi >server.log 2>&1 &
server=$!
perl main.pl "$port"
echo "as described"
