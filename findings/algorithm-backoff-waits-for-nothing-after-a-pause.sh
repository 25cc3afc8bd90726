#!/usr/bin/env bash
# Algorithm::Backoff 0.009 (Perl; Debian package 0.009-3) with `consider_actual_delay` does not back off any more once there was a pause between
# failures.
#
# Expected: of `consider_actual_delay`: a failure at once behind another waits for the time that is left as well, and a failure that comes later
# than it had to waits for nothing (its documentation, with a constant delay of 2: "if you waited 4 seconds or more, failure() will return 0"). The
# next failure at once is to wait again.
# Seen: the time that was waited too long is kept as a credit. With a constant delay of 2 seconds, an hour without a call makes 1,799 failures in the
# same moment wait for nothing. An exponential delay from 1 second, an hour behind a success, is 0 eleven times, then 495 seconds, then 4,591.
# Without the option it is 1, 2, 4; with it and calls at the right times too.
#
# A client that was idle for an hour hammers a server that has just gone away, and then stays away from it for more than an hour.
#
# Usage: findings/algorithm-backoff-waits-for-nothing-after-a-pause.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libalgorithm-backoff-perl=0.009-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Algorithm::Backoff::Constant;
use Algorithm::Backoff::Exponential;

# All times are given: nothing sleeps.
sub constant { Algorithm::Backoff::Constant->new(delay => 2, consider_actual_delay => 1) }
sub exponential { Algorithm::Backoff::Exponential->new(initial_delay => 1, consider_actual_delay => $_[0]) }
sub same { print "$_[0]: $_[1]\n"; $_[1] eq $_[2] or die "it is not $_[2]\n" }

my $steady = constant();
same('constant, at the right times', join(' ', map { $steady->failure($_) } 0, 2, 4, 6), '2 2 2 2');
my $idle = constant();
my @first = map { $idle->failure($_) } 0, 3600;
my $none = 1;
$none++ while $idle->failure(3600) == 0;
same('constant, behind an hour', "@first", '2 0');
same('failures at that moment that wait for nothing', $none, 1799);

my $right = exponential(1);
same('exponential, at the right times', join(' ', map { $right->failure($_) } 0, 1, 3, 7), '1 2 4 8');
for my $option ([0, '1 2 4 8 16 32 64 128 256 512 1024 2048 4096'], [1, '0 0 0 0 0 0 0 0 0 0 0 495 4591']) {
    my $backoff = exponential($option->[0]);
    $backoff->failure(0);
    $backoff->success(1);
    my @waits = map { $backoff->failure(3601) } 1 .. 13;
    same("exponential, behind an hour, the option is $option->[0]", "@waits", $option->[1]);
}
PERL
perl main.pl
echo "as described"
