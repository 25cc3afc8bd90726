#!/usr/bin/env bash
# HTTP::Cache::Transparent 1.4 (Perl; Debian package 1.4-2) hands out a part of a file, with 206, to who asks for the whole.
#
# Expected: the module is there "to cache http-requests made by LWP", "transparently"; for a request with Range it checks "that the Range is the same
# for this request as" for the one before (its documentation and source). An answer of 206 may be used for a part of what it has (RFC 9111 section
# 3.3).
# Seen: behind a GET for `bytes=0-9` a GET without Range sends the entity tag of that part; the server says 304, since the file is the same, and the
# client gets 206 and ten bytes, though it asked for no range. Asked for again, it gets them again. With `NoUpdate` the part is handed out without a
# question.
#
# A player that looks at the head of a file makes that head of the file for each other program with the same cache.
#
# Usage: findings/http-cache-transparent-gives-a-part-for-the-whole.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-cache-transparent-perl=1.4-2 libwww-perl=6.68-1 libnet-http-perl=6.22-1 libhttp-message-perl=6.44-1 \
    liburi-perl=5.17-1 libhttp-date-perl=6.05-2 liblwp-mediatypes-perl=6.04-2 libencode-locale-perl=1.05-3 libio-html-perl=1.004-3 \
    libclone-perl=0.46-1 libtry-tiny-perl=0.31-2 libhtml-parser-perl=3.81-1+deb12u1 libhtml-tagset-perl=3.20-6 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use HTTP::Cache::Transparent;
use IO::Socket::INET;
use LWP::UserAgent;

my $text = 'neutral text' x 100;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die $!;
my $server = fork // die $!;
if (!$server) {
    # Answers with the file, a part of it, or 304, as its entity tag and the request have it.
    while (my $connection = $listener->accept) {
        my $head = '';
        while (my $line = <$connection>) {
            last if $line eq "\r\n";
            $head .= $line;
        }
        my @answer = $head =~ /^If-None-Match: "v1"/mi ? ('304 Not Modified', '')
            : $head =~ /^Range: bytes=0-9\r/mi ? ("206 Partial Content\r\nContent-Range: bytes 0-9/1200", substr $text, 0, 10)
            : ('200 OK', $text);
        my $length = $answer[0] =~ /^304/ ? '' : 'Content-Length: ' . length($answer[1]) . "\r\n";
        print $connection "HTTP/1.1 $answer[0]\r\nETag: \"v1\"\r\nConnection: close\r\n$length\r\n$answer[1]";
        close $connection;
    }
    exit;
}
my $origin = 'http://127.0.0.1:' . $listener->sockport;
HTTP::Cache::Transparent::init({ BasePath => "$ENV{PWD}/kept" });
my $client = LWP::UserAgent->new(timeout => 10);
my @seen;
for my $request (['/one'], ['/one'], ['/two', Range => 'bytes=0-9'], ['/two'], ['/two']) {
    my ($path, @fields) = @$request;
    my $answer = $client->get("$origin$path", @fields);
    push @seen, $answer->code . ' ' . length $answer->content;
    print "GET $path @fields: $seen[-1] bytes\n";
}
kill TERM => $server;
die "@seen" if join(', ', @seen) ne '200 1200, 200 1200, 206 10, 206 10, 206 10';
PERL
perl main.pl
echo "as described"
