#!/usr/bin/env bash
# Statistics::Basic 1.6611 (Perl; Debian package 1.6611-3) keeps the mean of the values before, where others are set from a vector.
#
# Expected: of `set_vector`: "Given a vector or array ref, this will set the contents (and size) of the vector used for the object computations";
# `$m->set_vector($v2)` is an example (its documentation).
# Seen: with an array ref the mean of 1, 2, 3 and then 10, 20, 30 is 20. With the vector of 10, 20, 30 it stays 2, though the object has the new values;
# the same for a standard deviation, and for a list. Only array refs tell those who compute that something changed.
#
# A monitor that hands its windows over as vectors shows the first of them for ever.
#
# Usage: findings/statistics-basic-keeps-the-mean-of-the-values-before.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libstatistics-basic-perl=1.6611-3 libnumber-format-perl=1.75-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Statistics::Basic qw(:all);

for my $case (
    ['an array ref', [[10, 20, 30]], '20', '8.16'],
    ['a vector', [vector(10, 20, 30)], '2', '0.82'],
    ['a list', [10, 20, 30], '2', '0.82'],
) {
    my ($name, $values, $mean, $deviation) = @$case;
    my @computed = (mean(1, 2, 3), stddev(1, 2, 3));
    die 'this has changed' if "@computed" ne '2 0.82';
    $_->set_vector(@$values) for @computed;
    print "set from $name: the vector is ", $computed[0]->query_vector, ", the mean $computed[0], the deviation $computed[1]\n";
    die 'this has changed' if $computed[0]->query_vector ne '[10, 20, 30]' or "@computed" ne "$mean $deviation";
}
PERL
perl main.pl
echo "as described"
