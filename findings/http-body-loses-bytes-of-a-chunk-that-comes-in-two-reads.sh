#!/usr/bin/env bash
# HTTP::Body 1.22 (Perl; Debian package 1.22-2) loses bytes of a chunk whose last ones come in a second read.
#
# Expected: "Chunked bodies are supported by not passing a length value to new()" (its documentation); a chunk has as many bytes as its size says
# (RFC 9112 section 7.1), and a body may be added in as many pieces as a read gives.
# Seen: of a form in one chunk of 13 bytes, cut in two at each of its places, five cuts give a form without fields: those before its last three
# bytes and those around the line end behind it. The library compares all that it has, with the line of the size, with that size; takes a shorter
# chunk; and reads the rest of it, or that line end, as the next size. An extension of the chunk makes them fifteen. A cut elsewhere, the whole in
# one piece, and a body with a length in any two pieces are right.
#
# Clients that do not know a length lose a form now and then, by where the network divides it.
#
# Usage: findings/http-body-loses-bytes-of-a-chunk-that-comes-in-two-reads.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-body-perl=1.22-2 libhttp-message-perl=6.44-1 libhttp-date-perl=6.05-2 liburi-perl=5.17-1 \
    libencode-locale-perl=1.05-3 libio-html-perl=1.004-3 liblwp-mediatypes-perl=6.04-2 libclone-perl=0.46-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use HTTP::Body;

sub fields {
    my ($length, @pieces) = @_;
    my $body = HTTP::Body->new('application/x-www-form-urlencoded', $length);
    $body->add($_) for grep { length } @pieces;
    return join '&', map { "$_=" . $body->param->{$_} } sort keys %{$body->param};
}

# The places at which a cut gives something else than the form.
sub wrong {
    my ($length, $bytes) = @_;
    return join ' ', grep { fields($length, substr($bytes, 0, $_), substr($bytes, $_)) ne 'a=1234567&b=2' } 0 .. length $bytes;
}

my $form = 'a=1234567&b=2';
my $whole = wrong(length $form, $form);
my $chunk = wrong(undef, "d\r\n$form\r\n0\r\n\r\n");
my $name = wrong(undef, "d;name=value\r\n$form\r\n0\r\n\r\n");
my $fields = fields(undef, "d\r\na=1234567&b", "=2\r\n0\r\n\r\n");
print "wrong places, with a length: $whole\nin a chunk: $chunk\nin a chunk with an extension: $name\n";
print "fields of a cut before the last two bytes: $fields\n";
die 'with a length' if $whole ne '';
die 'in a chunk' if $chunk ne '13 14 15 16 17';
die 'with an extension' if $name ne join ' ', 14 .. 28;
die 'fields' if $fields ne '';
PERL
perl main.pl
echo "as described"
