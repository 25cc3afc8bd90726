#!/usr/bin/env bash
# Net::Works 0.22 (Perl; Debian package libnet-works-perl 0.22-1.1) makes networks of IPv6 of a range when it is told that it is of IPv4.
#
# Expected: `range_as_subnets( $first_address, $last_address, $version )` "breaks the range up into the largest subnets that include all the IP
# addresses in the range" (its documentation), which gives 192.0.2.1 to 192.0.2.32 and the six networks of them as the example.
# Seen: with a version of 4 the range 192.0.3.1 to 192.0.3.32 becomes `::192.0.3.1/128` and five more of IPv6; without a version it is right. The
# choice between 6 and 4 is made of "a version was given or an address has a colon". An address of the range is in none of these networks. The
# example of the documentation gives no network at all, since it is a range for examples, which is left out.
#
# A list of networks for IPv4 that is made with care holds nothing that is of IPv4.
#
# Usage: findings/net-works-makes-a-range-of-ipv4-one-of-ipv6.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-works-perl=0.22-1.1 libb-hooks-endofscope-perl=0.26-1 libclass-method-modifiers-perl=2.14-1 \
    libdevel-callchecker-perl=0.008-2 libdynaloader-functions-perl=0.003-3 libimport-into-perl=1.002005-2 liblist-allutils-perl=0.19-1 \
    liblist-someutils-perl=0.59-1 liblist-utilsby-perl=0.12-2 libmath-int128-perl=0.22-4 libmath-int64-perl=0.54-2+b1 \
    libmodule-implementation-perl=0.09-2 libmodule-runtime-perl=0.016-2 libmoo-perl=2.005005-1 libnamespace-autoclean-perl=0.29-2 \
    libnamespace-clean-perl=0.27-2 libpackage-stash-perl=0.40-1 libparams-classify-perl=0.015-2+b1 librole-tiny-perl=2.002004-1 \
    libscalar-list-utils-perl=1:1.63-1+b1 libsub-exporter-progressive-perl=0.001013-3 libsub-identify-perl=0.14-3 libsub-name-perl=0.26-2+b1 \
    libsub-quote-perl=2.006008-1 libtry-tiny-perl=0.31-2 libvariable-magic-perl=0.63-1+b1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::Works::Address;
use Net::Works::Network;

sub networks { return Net::Works::Network->range_as_subnets(@_) }

sub is {
    my ($name, $value, $expected) = @_;
    print "$name: $value\n";
    die $expected if $value ne $expected;
}

my @range = ('192.0.3.1', '192.0.3.32');
my $right = '192.0.3.1/32 192.0.3.2/31 192.0.3.4/30 192.0.3.8/29 192.0.3.16/28 192.0.3.32/32';
my $wrong = '::192.0.3.1/128 ::192.0.3.2/127 ::192.0.3.4/126 ::192.0.3.8/125 ::192.0.3.16/124 ::192.0.3.32/128';
is('without a version', join(' ', map { $_->as_string } networks(@range)), $right);
is('version 4', join(' ', map { $_->as_string } networks(@range, 4)), $wrong);
is('versions', join(' ', map { $_->version } networks(@range, 4)), '6 6 6 6 6 6');
my $address = Net::Works::Address->new_from_string(string => '192.0.3.17', version => 4);
is('networks that have an address of the range', scalar(grep { $_->version == 4 && $_->contains($address) } networks(@range, 4)), 0);
is('without a version', scalar(grep { $_->version == 4 && $_->contains($address) } networks(@range)), 1);
is('version 6', join(' ', map { $_->as_string } networks('2003::1', '2003::4', 6)), '2003::1/128 2003::2/127 2003::4/128');
is('the example', scalar(my @none = networks('192.0.2.1', '192.0.2.32')), 0);
PERL
perl main.pl
echo "as described"
