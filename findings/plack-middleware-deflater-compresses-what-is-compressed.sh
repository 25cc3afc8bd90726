#!/usr/bin/env bash
# Plack::Middleware::Deflater 0.12 (Perl; Debian package 0.12-2) compresses what is compressed already and names one coding, and compresses parts of a
# range.
#
# Expected: "If one or more encodings have been applied to a representation, the sender that applied the encodings MUST generate a Content-Encoding
# header field that lists the content codings in the order in which they were applied" (RFC 9110 section 8.4). The positions in Content-Range are
# those of the selected representation, to which its coding belongs (section 14.4).
# Seen: an answer with `Content-Encoding: br` or `gzip` leaves with `Content-Encoding: gzip` alone: what a client has behind gunzip is still
# compressed, and nothing says so. A 206 with `Content-Range: bytes 0-9/100` leaves as a gzip file of its own of these ten bytes. It asks for
# Content-Range among the fields of the request, where it does not stand.
#
# Files that lie there compressed are unreadable in each browser, and a download that is taken up again is broken.
#
# Usage: findings/plack-middleware-deflater-compresses-what-is-compressed.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libplack-middleware-deflater-perl=0.12-2 libplack-perl=1.0050-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >answers.pl <<'PERL'
use strict;
use warnings;
use Compress::Zlib qw(memGunzip memGzip);
use Plack::Middleware::Deflater;

my $text = 'neutral ' x 30;
my $compressed = memGzip($text);

# What leaves for this answer: the field Content-Encoding, and the body behind one gunzip.
sub send_out {
    my ($status, $fields, $body) = @_;
    my $application = Plack::Middleware::Deflater->wrap(sub { return [$status, ['Content-Type' => 'text/plain', @$fields], [$body]] });
    my $answer = $application->({ REQUEST_METHOD => 'GET', PATH_INFO => '/', HTTP_ACCEPT_ENCODING => 'gzip, br' });
    my %fields = @{ $answer->[1] };
    return ($fields{'Content-Encoding'}, memGunzip(join '', @{ $answer->[2] }), \%fields);
}

my ($coding, $inside) = send_out(200, [], $text);
die 'a text' if $coding ne 'gzip' or $inside ne $text;
for my $before ('gzip', 'br') {
    ($coding, $inside) = send_out(200, ['Content-Encoding' => $before], $compressed);
    print "Content-Encoding: $before leaves as $coding; behind gunzip it is ", $inside eq $compressed ? 'still compressed' : 'the text', "\n";
    die $before if $coding ne 'gzip' or $inside ne $compressed;
}
($coding, $inside, my $fields) = send_out(206, ['Content-Range' => 'bytes 0-9/240', 'Content-Length' => 10], substr $text, 0, 10);
print "206 with bytes 0-9/240 leaves as $coding with $fields->{'Content-Range'}; behind gunzip it is '$inside'\n";
die 'a range' if $coding ne 'gzip' or $inside ne 'neutral ne' or $fields->{'Content-Range'} ne 'bytes 0-9/240';
PERL
perl answers.pl
echo "as described"
