#!/usr/bin/env bash
# Schedule::RateLimiter 0.01 (Perl; Debian package 0.01-5) lets two events through at each turn where one may happen.
#
# Expected: `iterations` events in `seconds`; "without exceeding the specified bounds", and of events 3 and 4 of two in ten seconds "10 seconds will
# have transpired since event 1", "since event 2 at this point" (its documentation).
# Seen: an event that had to wait is written down with the time at which it was asked for, not with that at which it happened. So the one behind it
# need not wait: with one event in half a second the second and the third come together, the fourth and the fifth, and so on. With two events there
# are three in each half second from then on.
#
# What was limited to what a service allows asks for twice as much, and is turned away with 429.
#
# Usage: findings/schedule-ratelimiter-lets-two-through-at-each-turn.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libschedule-ratelimiter-perl=0.01-5 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >turns.pl <<'PERL'
use strict;
use warnings;
use Schedule::RateLimiter;
use Time::HiRes 'time';

for my $case ([1, '0 1 1 2 2 3 3 4 4'], [2, '0 0 1 1 1 2 2 2 3']) {
    my ($allowed, $seen) = @$case;
    my $limiter = Schedule::RateLimiter->new(iterations => $allowed, seconds => 0.5);
    my $began = time;
    my @turns;
    for (1 .. 9) {
        $limiter->event();
        push @turns, int((time - $began) / 0.5 + 0.1);
    }
    print "$allowed in half a second: events happen in the half seconds @turns\n";
    die "it was $seen" if "@turns" ne $seen;
}
PERL
perl turns.pl
echo "as described"
