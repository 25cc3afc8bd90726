#!/usr/bin/env bash
# HTTP::Tiny::Multipart 0.08 (Perl; Debian package 0.08-2) sends the address of a hash in its own memory for a file that is empty or holds a 0.
#
# Expected: the content of a file is that of `content` of its hash (its documentation: "content" beside "filename" and "content_type").
# Seen: where the content is false for Perl, so of no bytes or of one `0`, the part is `HASH(0x55...)`. `00` is sent as it is.
#
# An upload of an empty file, or of a counter that stands at 0, stores twenty bytes of nonsense, others each time.
#
# Usage: findings/http-tiny-multipart-sends-an-address-for-an-empty-file.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-tiny-multipart-perl=0.08-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use HTTP::Tiny;
use HTTP::Tiny::Multipart;

my $sent;
{
    package Recorder;
    our @ISA = 'HTTP::Tiny';
    sub request { $sent = $_[3]{content}; return { success => 1 } }
}

for my $content ('00', '0', '') {
    Recorder->new->post_multipart('http://127.0.0.1/', [file => { filename => 'file.txt', content => $content }]);
    my ($part) = $sent =~ /\r\n\r\n(.*)\r\n--/s or die 'this has changed';
    print "'$content' is sent as '$part'\n";
    die 'this has changed' if $content eq '00' ? $part ne '00' : $part !~ /^HASH\(0x[0-9a-f]+\)$/;
}
PERL
perl main.pl
echo "as described"
