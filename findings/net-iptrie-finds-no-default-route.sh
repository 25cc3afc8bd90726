#!/usr/bin/env bash
# Net::IPTrie 0.7 (Perl; Debian package 0.7-4) finds neither a default route nor a network that begins with 0.
#
# Expected: of `find`: "the closest covering IP block is returned" (its documentation): 0.0.0.0/0 covers each address.
# Seen: with 0.0.0.0/0 and 10.0.0.0/8, an address of 10 is found; 192.0.2.1 has no node, and 127.0.0.1 has the default route: a node is taken for
# empty if its address is the number 0, and where the search stops at the root it looks for something above that. 0.1.2.3 is not found in 0.0.0.0/8.
#
# Half of all addresses fall out of the table, those above 128.0.0.0.
#
# Usage: findings/net-iptrie-finds-no-default-route.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-iptrie-perl=0.7-4 libnetaddr-ip-perl=4.079+dfsg-2+b1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::IPTrie;

local $SIG{__WARN__} = sub { print STDERR @_ if $_[0] !~ /already weak/ };

sub table {
    my %networks = @_;
    my $table = Net::IPTrie->new(version => 4);
    for my $network (sort keys %networks) {
        my ($address, $prefix) = split '/', $network;
        $table->add(address => $address, prefix => $prefix, data => $networks{$network});
    }
    return $table;
}

my $routes = table('0.0.0.0/0' => 'default', '10.0.0.0/8' => 'ten');
my $zero = table('0.0.0.0/8' => 'zero', '10.0.0.0/8' => 'ten');
for my $case ([$routes, '10.1.2.3', 'ten'], [$routes, '127.0.0.1', 'default'], [$routes, '192.0.2.1', 'nothing'],
    [$zero, '10.1.2.3', 'ten'], [$zero, '0.1.2.3', 'nothing']) {
    my ($table, $address, $expected) = @$case;
    my $node = $table->find(address => $address, prefix => 32);
    my $seen = $node ? $node->data // 'nothing' : 'nothing';
    print "$address: $seen\n";
    die $expected if $seen ne $expected;
}
PERL
perl main.pl
echo "as described"
