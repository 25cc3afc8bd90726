#!/usr/bin/env bash
# Set::Crontab 1.03 (Perl; Debian package 1.03-1.1) has a number twice that two parts of a list name, and Schedule::Cron::Events 1.96 (1.96-2), which
# reads crontabs with it, tells the same event twice.
#
# Expected: a set, with "ranges, *, and step values all work exactly as described in crontab(5)"; "`<N` selects the elements smaller than N from the
# entire range, and adds them to the set. `>N` does likewise" (documentation of Set::Crontab). Successive calls of `nextEvent` "give you a sequence of
# events going forward" (documentation of Schedule::Cron::Events). cron runs a command once in a minute.
# Seen: `*/15,15` of 0 to 30 is 0, 15, 15, 30. Of `0,30,*/20 8 * * *` the next event is at 8:00, and the one behind it at 8:00 too. `<5,>25` adds
# nothing, as it asks for numbers that are both; `<08` is nothing, and `<8` is 0 to 7.
#
# Who sleeps until the next event runs the job twice.
#
# Usage: findings/set-crontab-names-a-minute-twice.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libset-crontab-perl=1.03-1.1 libschedule-cron-events-perl=1.96-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Schedule::Cron::Events;
use Set::Crontab;

sub seen {
    my ($what, $said, $expected) = @_;
    print "$what: $said\n";
    die "it was '$expected'" if $said ne $expected;
}

sub listed { return join ' ', Set::Crontab->new(shift, [0 .. 30])->list }
seen('*/15', listed('*/15'), '0 15 30');
seen('*/15,15', listed('*/15,15'), '0 15 15 30');
seen('0-3,2', listed('0-3,2'), '0 1 2 2 3');
seen('<5', listed('<5'), '0 1 2 3 4');
seen('>25', listed('>25'), '26 27 28 29 30');
seen('<5,>25', listed('<5,>25'), '');
seen('<8', listed('<8'), '0 1 2 3 4 5 6 7');
seen('<08', listed('<08'), '');

my $events = Schedule::Cron::Events->new('0,30,*/20 8 * * * /bin/true', Date => [0, 59, 7, 1, 0, 126]);
seen('0,30,*/20 8 * * *', join(' ', map { sprintf '%d:%02d', ($events->nextEvent)[2, 1] } 1 .. 6), '8:00 8:00 8:20 8:30 8:40 8:00');
PERL
perl main.pl
echo "as described"
