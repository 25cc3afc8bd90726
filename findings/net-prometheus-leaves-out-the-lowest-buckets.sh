#!/usr/bin/env bash
# Net::Prometheus 0.12 (Perl; Debian package 0.12-1+b2) leaves out the lowest buckets of those that it is told to make.
#
# Expected: the values of `buckets_per_decade` "are repeated, multiplied by various powers of 10 to generate values between bucket_min [...] and
# bucket_max" (its documentation).
# Seen: with 1, 2 and 5 per decade and a least value of 0.002 the buckets begin at 0.01: 0.002 and 0.005 are missing, since the decade of 0.001 is not
# begun where 0.001 itself is too small. With a least value of 0.001 they begin at 0.001. At the upper end a greatest value of 0.5 leaves 1, 2 and 5
# out as it should.
#
# All that is quick falls into one bucket, and a quantile of it is made up.
#
# Usage: findings/net-prometheus-leaves-out-the-lowest-buckets.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-prometheus-perl=0.12-1+b2 libref-util-perl=0.204-2 libstruct-dumb-perl=0.14-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::Prometheus::Histogram;

for my $case (
    [0.001, 0.1, '0.001 0.002 0.005 0.01 0.02 0.05 0.1'],
    [0.002, 0.1, '0.01 0.02 0.05 0.1'],
    [0.001, 0.5, '0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 0.5'],
) {
    my ($least, $greatest, $expected) = @$case;
    my $histogram = Net::Prometheus::Histogram->new(
        name => 'seconds', help => 'How long requests take', buckets_per_decade => [1, 2, 5], bucket_min => $least, bucket_max => $greatest,
    );
    my $seen = join ' ', $histogram->bucket_bounds;
    print "from $least to $greatest: $seen\n";
    die $expected if $seen ne $expected;
}
PERL
perl main.pl
echo "as described"
