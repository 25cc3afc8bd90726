#!/usr/bin/env bash
# Net::CIDR 0.21 (Perl; Debian package 0.21-2) refuses each IPv6 address that is not written in its shortest form, or that ends as an IPv4 address.
#
# Expected: of `cidrvalidate`: "Validate whether $ip is a valid IPv4 or IPv6 address, or a CIDR. Returns its argument or undef" (its documentation).
# `2001:DB8:0:0:8:800:200C:417A` and `0:0:0:0:0:0:13.1.68.3` are addresses (RFC 4291 section 2.2); all ways to write one "must be accepted" (RFC 5952
# section 4).
# Seen: it writes the address in the shortest form, and compares. `2001:db8::1` is valid, and `2001:db8:0:0:0:0:0:1`, `2001:db8::0/32` and
# `64:ff9b::192.0.2.1` are undef. Capitals and zeros in front of a group are taken. `cidrlookup` finds all of them.
#
# Addresses of a configuration or a form that print all eight groups, as many systems do, are turned down.
#
# Usage: findings/net-cidr-refuses-addresses-that-are-not-in-their-shortest-form.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-cidr-perl=0.21-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::CIDR;

for my $case (
    ['2001:db8::1', '2001:db8::1/128'],
    ['2001:DB8:00a::/48', '2001:db8:a::/48'],
    ['2001:db8:0:0:0:0:0:1', 'undef'],
    ['2001:DB8:0:0:8:800:200C:417A', 'undef'],
    ['2001:db8::0/32', 'undef'],
    ['64:ff9b::192.0.2.1', 'undef'],
    ['0:0:0:0:0:0:13.1.68.3', 'undef'],
) {
    my ($address, $expected) = @$case;
    my $seen = Net::CIDR::cidrvalidate($address) // 'undef';
    my $found = Net::CIDR::cidrlookup($address =~ s{/.*}{}r, '::/0');
    print "$address: $seen, found in ::/0: $found\n";
    die 'this has changed' if $seen ne $expected or !$found;
}
PERL
perl main.pl
echo "as described"
