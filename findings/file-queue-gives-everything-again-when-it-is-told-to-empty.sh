#!/usr/bin/env bash
# File::Queue 1.01 (Perl; Debian package 1.01a-4) gives everything again, even what was taken, when it is told to become empty.
#
# Expected: its documentation: `reset` "Emptys the queue"; `peek` of an empty queue returns "an empty arrayref"; the mode of its files "Defaults to
# '0600'"; the separator is a "character or byte sequence"; the names of parameters are "case-insensitive".
# Seen: of three elements, of which two were taken, `reset` leaves all three: it sets the place of the next one to 0 and keeps the file. `peek` of
# an empty queue returns nothing. The files get the mode 1130 less the umask, which is 600 in tens, so that their owner may not read them. With a
# bar as the separator `peek` gives single letters: it takes the separator for a pattern, while `deq` seeks it as it is. Of a hundred starts with
# `File` and `Seperator`, as the documentation spells them, a good part fail or forget one: `new` changes the hash that it walks through, whose
# order is another in each run. With small letters all are right, and without `reset` each element comes once.
#
# Jobs that were done are done again; and a daemon that is not root cannot open its queue a second time.
#
# Usage: findings/file-queue-gives-everything-again-when-it-is-told-to-empty.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libfile-queue-perl=1.01a-4 >/dev/null
dpkg-deb --extract ./*.deb package
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use File::Queue;

# Perl warns of the loop in `new`, and `enq` of each separator that it believes to see.
local $SIG{__WARN__} = sub { print STDERR @_ if $_[0] !~ /^(?:Use of each|Removed illegal)/ };
umask 022;

sub queue {
    my ($name, @more) = @_;
    my $queue = File::Queue->new(file => $name, @more);
    $queue->enq($_) for 'one', 'two', 'three';
    return $queue;
}

sub rest {
    my $queue = shift;
    my @elements;
    while (defined(my $element = $queue->deq)) { push @elements, $element }
    return "@elements";
}

sub is {
    my ($name, $value, $expected) = @_;
    print "$name: $value\n";
    die $expected if $value ne $expected;
}

my $queue = queue('plain');
is('taken', join(' ', $queue->deq, $queue->deq), 'one two');
is('the rest', rest($queue), 'three');
is('a look into the empty queue', defined $queue->peek(1) ? 'something' : 'nothing', 'nothing');
is('mode', sprintf('%o', (stat 'plain.dat')[2] & 07777), '1110');

$queue = queue('reset');
is('taken', join(' ', $queue->deq, $queue->deq), 'one two');
$queue->reset;
is('behind a reset', rest($queue), 'one two three');

is('a look with a line end', join(' ', @{queue('line')->peek(2)}), 'one two');
$queue = queue('bar', seperator => '|');
is('a look with a bar', join(' ', @{$queue->peek(2)}), 'o n');
is('with a bar', rest($queue), 'one two three');
PERL
perl main.pl

cat >start.pl <<'PERL'
use strict;
use warnings;
use File::Queue;

local $SIG{__WARN__} = sub { };
my $queue = eval { File::Queue->new(@ARGV) };
exit 1 if !$queue;
$queue->enq('one');
open my $file, '<', 'start.dat' or exit 1;
exit 1 if <$file> ne 'one|';
$queue->delete;
PERL

count() {
    local right=0
    for _ in {1..100}; do
        if perl start.pl "$@"; then right=$((right + 1)); fi
        rm -f start.dat start.idx
    done
    echo "$right"
}
capitals=$(count File start Seperator '|')
small=$(count file start seperator '|')
echo "right of a hundred starts: $capitals with capitals, $small without"
[[ $capitals -gt 0 && $capitals -lt 90 && $small -eq 100 ]]
echo "as described"
