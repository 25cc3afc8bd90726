#!/usr/bin/env bash
# Net::Subnets 1.02 (Perl; Debian package 1.02-3) finds the wider or the narrower of two networks by how many of each length there are, by chance if
# these are as many, and lists one address of a hundred.
#
# Expected: `check` says in which of the prepared networks an address is; where two fit, the longer prefix is meant ("longest-match", RFC 4632
# section 5.1), or at least the same one each time. `list` is "all IP addresses in a given range" (its manual). Both addresses of a /31 are hosts
# (RFC 3021 section 2.1).
# Seen: 10.1.2.3 is in 10.1.0.0/16 if there is one /16 and two /8, and in 10.0.0.0/8 if it is the other way round. With one of each it is the one or
# the other by the seed of Perl's hashes, which each run of a program draws anew. A range whose ends, as numbers, have nine and ten digits is listed
# as its first address alone, since the numbers are compared as text. A /31 ranges from its last address to its first. A /30 and 192.168.0.1 to 100
# are right.
#
# An address belongs to another customer after each restart, or when a network is added that has nothing to do with it.
#
# Usage: findings/net-subnets-picks-a-network-by-how-many-are-of-its-length.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-subnets-perl=1.02-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5
unset PERL_HASH_SEED PERL_PERTURB_KEYS

cat >check.pl <<'PERL'
use strict;
use warnings;
use Net::Subnets;

my ($address, @networks) = @ARGV;
my $subnets = Net::Subnets->new;
$subnets->subnets(\@networks);
my $found = $subnets->check(\$address);
print $found ? $$found : 'none', "\n";
PERL
cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::Subnets;

my $subnets = Net::Subnets->new;
sub same { print "$_[0]: $_[1]\n"; $_[1] eq $_[2] or die "it is not $_[2]\n" }

for ([qw(10.0.0.0/30 10.0.0.1 10.0.0.2)], [qw(10.0.0.0/31 10.0.0.1 10.0.0.0)]) {
    my ($network, @ends) = @$_;
    my ($low, $high) = $subnets->range(\$network);
    same("range of $network", "$$low $$high", "@ends");
}
for ([qw(192.168.0.1 192.168.0.100 100)], [qw(59.154.201.200 59.154.202.43 1)]) {
    my ($low, $high, $count) = @$_;
    same("addresses from $low to $high", scalar @{ $subnets->list(\$low, \$high) }, $count);
}
PERL

expect() { # what, seen, expected
    echo "$1: $2"
    [[ $2 = "$3" ]]
}
expect "10.1.2.3 in one network" "$(perl check.pl 10.1.2.3 10.1.0.0/16)" 10.1.0.0/16
expect "in two /8 and one /16" "$(perl check.pl 10.1.2.3 10.0.0.0/8 11.0.0.0/8 10.1.0.0/16)" 10.1.0.0/16
expect "in one /8 and two /16" "$(perl check.pl 10.1.2.3 10.0.0.0/8 10.1.0.0/16 10.2.0.0/16)" 10.0.0.0/8
expect "one /8 and one /16, one hundred runs" \
    "$(for run in {1..100}; do perl check.pl 10.1.2.3 10.0.0.0/8 10.1.0.0/16; done | sort --unique | tr '\n' ' ')" "10.0.0.0/8 10.1.0.0/16 "
perl main.pl
echo "as described"
