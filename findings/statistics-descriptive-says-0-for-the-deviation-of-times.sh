#!/usr/bin/env bash
# Statistics::Descriptive 3.0800 (Perl; Debian package 3.0800-1) computes a variance from the sum of the squares, and has no right digit of that of times.
#
# Expected: `variance`: "Returns the variance of the data. Division by n-1 is used", and `standard_deviation` is its root (its documentation): a variance
# does not change where the same amount is added to each value.
# Seen: of 1, 2 and 3 it is 1. Of 1700000000001, 1700000000002 and 1700000000003, milliseconds since 1970, it is 0, or in the millions, by how the
# squares are rounded; nothing warns. Statistics::Lite 3.62 and Statistics::Welford 0.02 say 1 for both.
#
# The jitter of timestamps, or of counters of bytes, is told as none at all or as hours.
#
# Usage: findings/statistics-descriptive-says-0-for-the-deviation-of-times.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libstatistics-descriptive-perl=3.0800-1 liblist-moreutils-perl=0.430-2 libexporter-tiny-perl=1.006000-1 \
    libstatistics-lite-perl=3.62-1.1 libstatistics-welford-perl=0.02-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Statistics::Descriptive;
use Statistics::Lite;
use Statistics::Welford;

for my $case ([0, 1], [1_700_000_000_000, 0], [1_700_000_000_000_000]) {
    my ($base, $expected) = @$case;
    my @values = map { $base + $_ } 1 .. 3;
    my $full = Statistics::Descriptive::Full->new;
    my $welford = Statistics::Welford->new;
    $full->add_data(@values);
    $welford->add($_) for @values;
    my @others = (Statistics::Lite::variance(@values), $welford->variance);
    print "@values: variance ", $full->variance, ", of others @others\n";
    die 'this has changed' if grep { abs($_ - 1) > 0.001 } @others;
    die 'this has changed' if defined $expected ? $full->variance != $expected : abs($full->variance - 1) < 1;
}
PERL
perl main.pl
echo "as described"
