#!/usr/bin/env bash
# Number::Range 0.12 (Perl; Debian package 0.12-2) takes nothing out of a range of more than a thousand numbers, and says that a list is in it if its
# first is.
#
# Expected: `delrange` takes "any number of ranges as input and delete them from the existing range"; `inrange` of several numbers says in scalar
# context "a single 1 if all are true, or a single 0 if one of them failed" (its documentation).
# Seen: a range wider than 1,000 is kept as a pair, and only the very same pair can be taken out of it: behind `delrange("8080")` or
# `delrange("5000..6999")` all of `1024..9999` are in it and no warning is given. From `1..900` numbers can be taken. `inrange(20, 99)` says 1 if 20
# is in, whatever 99 is.
#
# Ports that were to be left free are handed out.
#
# Usage: findings/number-range-keeps-a-port-that-was-taken-out-of-a-thousand.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnumber-range-perl=0.12-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >ports.pl <<'PERL'
use strict;
use warnings;
use Number::Range;

my $small = Number::Range->new('1..900');
$small->delrange('80');
$small->delrange('500..599');
my @left = map { $small->inrange($_) } 79, 80, 550;
print "1..900 without 80 and 500..599: 79 $left[0], 80 $left[1], 550 $left[2]\n";
die "small ranges" if "@left" ne '1 0 0';

my $large = Number::Range->new('1024..9999');
$large->delrange('8080');
$large->delrange('5000..6999');
@left = map { $large->inrange($_) } 8079, 8080, 5500, 10000;
print "1024..9999 without 8080 and 5000..6999: 8079 $left[0], 8080 $left[1], 5500 $left[2], 10000 $left[3]\n";
die "large ranges" if "@left" ne '1 1 1 0';
$large->delrange('1024..9999');
die "the same pair" if $large->inrange(8080);

my $ten = Number::Range->new('15..25');
my @lists = (scalar $ten->inrange(20, 99), scalar $ten->inrange(99, 20), join('', $ten->inrange(20, 99)));
print "15..25: (20, 99) $lists[0], (99, 20) $lists[1], as a list $lists[2]\n";
die "lists" if "@lists" ne '1 0 10';
PERL
perl ports.pl
echo "as described"
