#!/usr/bin/env bash
# InfluxDB::LineProtocol 1.015 (Perl; Debian package 1.015-1) with a precision of ms says 500 ms for 5 ms, for 50 ms and for 500 ms of a second.
#
# Expected: with `precision=ms` a line without a time of its own gets the current time in milliseconds since the epoch (its documentation).
# Seen: the milliseconds are the first three digits of the microseconds, which have no zeros in front: 5,000 µs become 500 ms, as 50,000 µs do. So
# what is measured in the first tenth of a second gets a time up to 900 ms behind its own, and two points in a row can change places. Precisions of s,
# us and ns are right.
#
# A tenth of all points stands at a wrong time, and where it meets another point of the series it replaces it.
#
# Usage: findings/influxdb-lineprotocol-says-500-ms-for-five.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libinfluxdb-lineprotocol-perl=1.015-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >clock.pl <<'PERL'
use strict;
use warnings;

# A clock that stands still takes the place of the one that the library asks.
my $microseconds;
BEGIN {
    require Time::HiRes;
    no warnings qw(redefine prototype);
    *Time::HiRes::gettimeofday = sub { return (1_700_000_000, $microseconds) };
}
package Milliseconds { use InfluxDB::LineProtocol qw(data2line precision=ms); sub line { return data2line('requests', 1) } }
package Microseconds { use InfluxDB::LineProtocol qw(data2line precision=us) }

for my $case ([5_000, 500], [50_000, 500], [99_000, 990], [100_000, 100], [500_000, 500]) {
    my $seen;
    ($microseconds, $seen) = @$case;
    my ($line) = Milliseconds::line() =~ /(\d+)$/;
    my $exact = Microseconds::get_ts();
    print "at 1700000000 s and $microseconds us: ms $line, us $exact\n";
    die "the microseconds are wrong" if $exact != 1_700_000_000_000_000 + $microseconds;
    die "it was $seen" if $line != 1_700_000_000_000 + $seen;
}
PERL
perl clock.pl
echo "as described"
