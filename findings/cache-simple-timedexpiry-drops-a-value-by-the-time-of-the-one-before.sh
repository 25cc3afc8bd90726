#!/usr/bin/env bash
# Cache::Simple::TimedExpiry 0.27 (Perl; Debian package 0.27-3.1) drops a value by the time at which an earlier value of its key was set.
#
# Expected: `expire_after`: "expire entries after SECONDS seconds" (its documentation).
# Seen: each `set` puts the key and its time into a queue, and what comes out of the queue is deleted, whatever was set since. With five seconds, a
# value that was set four seconds ago is gone if its key had a value seven seconds ago; a key that was set once is there.
#
# What is refreshed in time, as an address or a session on each use, is lost in the moment in which its first value would have expired.
#
# Usage: findings/cache-simple-timedexpiry-drops-a-value-by-the-time-of-the-one-before.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libcache-simple-timedexpiry-perl=0.27-3.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >expiry.pl <<'PERL'
use strict;
use warnings;

# A clock that is set by hand takes the place of the one that the library asks.
my $now = 1000;
BEGIN { *CORE::GLOBAL::time = sub { return $now } }
require Cache::Simple::TimedExpiry;

my $cache = Cache::Simple::TimedExpiry->new;
$cache->expire_after(5);
$cache->set(twice => 'first');
$now = 1003;
$cache->set(twice => 'second');
$cache->set(once => 'only');
$now = 1007;
my @found = map { $cache->fetch($_) // 'nothing' } 'twice', 'once';
print "4 seconds behind the last set, of 5: twice has $found[0], once has $found[1]\n";
die "it was kept" if "@found" ne 'nothing only';
$now = 1009;
die "it never expires" if $cache->has_key('once');
PERL
perl expiry.pl
echo "as described"
