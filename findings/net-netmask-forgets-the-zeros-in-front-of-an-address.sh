#!/usr/bin/env bash
# Net::Netmask 2.0002 (Perl; Debian package 2.0002-2) leaves the zeros in front of an IPv6 network out of its name in ip6.arpa, and reads no capitals.
#
# Expected: the name is "a sequence of nibbles separated by dots", each of the 128 bits in it up to the network's length (RFC 3596 section 2.5). Letters
# in addresses have no case (RFC 4291 section 2.2). Of `inaddr`: "a list is returned with each DNS zone name" (its documentation).
# Seen: of 2001:db8::/32 it is `8.b.d.0.1.0.0.2.ip6.arpa`. 64:ff9b::/96, the prefix of NAT64, has `b.9.f.f.4.6.ip6.arpa` where `b.9.f.f.4.6.0.0` belongs,
# and two nibbles too many of what is behind it; 100::/64 misses one. `2001:DB8::/32` cannot be parsed.
#
# Zones that are made from it are those of other networks, or of none.
#
# Usage: findings/net-netmask-forgets-the-zeros-in-front-of-an-address.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-netmask-perl=2.0002-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::Netmask;

for my $case (
    ['2001:db8::/32', '8.b.d.0.1.0.0.2.ip6.arpa'],
    ['2002::/16', '2.0.0.2.ip6.arpa'],
    ['64:ff9b::/96', '0.' x 18 . 'b.9.f.f.4.6.ip6.arpa', '0.' x 16 . 'b.9.f.f.4.6.0.0.ip6.arpa'],
    ['100::/64', '0.' x 15 . '1.ip6.arpa', '0.' x 14 . '1.0.ip6.arpa'],
) {
    my ($network, $expected, $right) = @$case;
    my ($seen) = Net::Netmask->new($network)->inaddr;
    print "$network: $seen", defined $right ? ", where $right is right\n" : "\n";
    die 'this has changed' if $seen ne $expected;
}
my $capitals = Net::Netmask->new2('2001:DB8::/32');
print '2001:DB8::/32: ', $capitals // Net::Netmask->errstr, "\n";
die 'this has changed' if defined $capitals;
PERL
perl main.pl
echo "as described"
