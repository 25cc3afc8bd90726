#!/usr/bin/env bash
# Net::CIDR::Set 0.13 (Perl; Debian package 0.13-4) fails when a set that is empty is asked for an address, or met with another set.
#
# Expected: `contains` returns "true if the set contains all of the supplied addresses", `contains_any` "true if there is any overlap", `diff` and
# `intersection` "a new set" (its documentation), which has `is_empty` too: an empty set contains nothing.
# Seen: `contains` of a new set, of one whose last network was taken out, and of one with a type fails with "I need two sets to compare": the other
# set is taken for missing if its text is false, and the text of an empty set is empty. A new set without a type fails with "Don't know how to nbits
# yet" in `contains_any`, `intersection`, `diff`, `xor` and `remove`. `union` with it works, and so does `contains_any` of a set that was emptied.
#
# A program that runs well fails on the day on which the last network is taken from its list, or before the first one is read.
#
# Usage: findings/net-cidr-set-fails-when-it-is-asked-of-an-empty-set.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-cidr-set-perl=0.13-4 >/dev/null
dpkg-deb --extract ./*.deb package
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::CIDR::Set;

# It warns of its own look into an empty list.
local $SIG{__WARN__} = sub { print STDERR @_ if $_[0] !~ /found/ };

my $full = Net::CIDR::Set->new('192.0.2.0/24', '198.51.100.0/24');
my $new = Net::CIDR::Set->new;
my $typed = Net::CIDR::Set->new({ type => 'ipv4' });
my $emptied = $full->copy;
$emptied->remove('192.0.2.0/24', '198.51.100.0/24');
my ($compare, $bits) = ('I need two sets to compare', "Don't know how to nbits yet");

for my $case (
    ['a set contains its address', sub { $full->contains('192.0.2.1') }, 1],
    ['a set contains another', sub { $full->contains('203.0.113.1') }, ''],
    ['the emptied one is empty', sub { $emptied->is_empty }, 1],
    ['the emptied one contains any', sub { $emptied->contains_any('192.0.2.1') }, ''],
    ['the emptied one contains', sub { $emptied->contains('192.0.2.1') }, $compare],
    ['one with a type contains', sub { $typed->contains('192.0.2.1') }, $compare],
    ['a set is a part of the emptied one', sub { $full->subset($emptied) }, $compare],
    ['a set with a new one', sub { $full->union($new) }, '192.0.2.0/24, 198.51.100.0/24'],
    ['a new one contains any', sub { $new->contains_any('192.0.2.1') }, $bits],
    ['what a set and a new one share', sub { $full->intersection($new) }, $bits],
    ['a set without a new one', sub { $full->diff($new) }, $bits],
    ['either a set or a new one', sub { $full->xor($new) }, $bits],
    ['taken from a new one', sub { $new->remove('192.0.2.1') }, $bits],
) {
    my ($name, $ask, $expected) = @$case;
    my $said = eval { my $answer = $ask->(); defined $answer ? "$answer" : '' };
    $said = $@ =~ s/ at .*//sr if $@;
    print "$name: ", $said eq '' ? 'no' : $said eq '1' ? 'yes' : $said, "\n";
    die $expected if $said ne $expected;
}
PERL
perl main.pl
echo "as described"
