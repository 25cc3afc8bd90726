#!/usr/bin/env bash
# HTTP::Parser 0.06 (Perl; Debian package 0.06-4) reads the status 1 where a status line has no reason, and no chunks where they are behind another
# coding.
#
# Expected: `status-line = HTTP-version SP status-code SP [ reason-phrase ]`: the reason is optional, and clients "SHOULD ignore" it (RFC 9112 section
# 4). Transfer-Encoding is a list, of which chunked is the last element where a body of unknown length is framed (section 6.1).
# Seen: of `HTTP/1.1 404 ` the status is 1, the number before the point of the version, and `HTTP/1.1 204 ` waits for a body until the connection
# ends. With `Transfer-Encoding: gzip, chunked` the size lines of the chunks are a part of the body, which ends with the connection; in two fields,
# one for each coding, they are read.
#
# Servers and proxies that came from HTTP/2, which has no reason, send none.
#
# Usage: findings/http-parser-of-perl-reads-status-1-for-an-answer-without-a-reason.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-parser-perl=0.06-4 libhttp-message-perl=6.44-1 liburi-perl=5.17-1 libhttp-date-perl=6.05-2 \
    liblwp-mediatypes-perl=6.04-2 libencode-locale-perl=1.05-3 libio-html-perl=1.004-3 libclone-perl=0.46-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use HTTP::Parser;

for my $case (
    ["404 Not Found\r\nContent-Length: 0\r\n\r\n", "done 404 ''"],
    ["404 \r\nContent-Length: 0\r\n\r\n", "done 1 ''"],
    ["204 No Content\r\n\r\n", "done 204 ''"],
    ["204 \r\n\r\n", "waits 1 ''"],
    ["200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", "done 200 'body'"],
    ["200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", "waits 200 '4  body  0    '"],
) {
    my ($answer, $expected) = @$case;
    my $parser = HTTP::Parser->new(response => 1);
    my $left = $parser->add("HTTP/1.1 $answer");
    my $seen = ($left ? 'waits ' : 'done ') . $parser->object->code . " '" . $parser->object->content . "'";
    s/[\r\n]/ /g for $answer, $seen;
    print "$answer: $seen\n";
    die $expected if $seen ne $expected;
}
PERL
perl main.pl
echo "as described"
