#!/usr/bin/env bash
# DNS::ZoneParse 1.10 (Perl; Debian package 1.10-1.1) writes a text of two strings as one with quotes inside, and gives records the TTL of the SOA.
#
# Expected: the data of a TXT record are one or more character strings, each of which may be quoted, and a backslash quotes the next letter (RFC 1035
# sections 3.3.14 and 5.1). Records behind `$TTL` without a TTL of their own have that of `$TTL` (RFC 2308 section 4). It reads a zone, lets one change
# it, and writes it (its documentation).
# Seen: `"v=DKIM1; p=AAAA" "BBBB"` is read as one text with `" "` in it, and written as `"v=DKIM1\; p=AAAA\" \"BBBB"`, which is another text. Each
# further call of `output` puts backslashes in front of those of the call before. With `$TTL 3600` and 300 at the SOA, a record without a TTL has 300, and the
# `$TTL` is written as 300 too.
#
# Keys of DKIM, which are longer than one string may be, stop to be found when a zone is written again.
#
# Usage: findings/dns-zoneparse-puts-quotes-into-a-text-of-two-strings.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libdns-zoneparse-perl=1.10-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use DNS::ZoneParse;

my $zone = <<'ZONE';
$ORIGIN example.org.
$TTL 3600
@ 300 IN SOA ns1 hostmaster ( 1 7200 900 604800 300 )
@ IN NS ns1
ns1 IN A 192.0.2.1
key IN TXT "v=DKIM1; p=AAAA" "BBBB"
one IN TXT "a;b"
ZONE

my $parser = DNS::ZoneParse->new(\$zone, 'example.org.');
my ($address) = @{ $parser->a };
print "ns1 has the TTL $address->{ttl}\n";
die 'this has changed' if $address->{ttl} != 300;
for my $expected (
    ['key 300 IN TXT "v=DKIM1\; p=AAAA\" \"BBBB"', 'one 300 IN TXT "a\;b"'],
    ['key 300 IN TXT "v=DKIM1\\\\\; p=AAAA\\\\\" \\\\\"BBBB"', 'one 300 IN TXT "a\\\\\;b"'],
) {
    my $written = $parser->output;
    die 'this has changed' if $written !~ /^\$TTL 300$/m;
    my @texts = map { s/\t/ /gr } grep { /TXT/ } split /\n/, $written;
    print "$_\n" for @texts;
    die "it was '@$expected'" if "@texts" ne "@$expected";
}
PERL
perl main.pl
echo "as described"
