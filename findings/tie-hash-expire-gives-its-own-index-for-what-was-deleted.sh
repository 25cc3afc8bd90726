#!/usr/bin/env bash
# Tie::Hash::Expire 0.03 (Perl; Debian package 0.03-3) gives its own index for the value that was deleted, and leaves half of what a loop deletes.
#
# Expected: "behave like normal hashes in all respects except that" a key expires (its documentation). `delete` returns "the value or values deleted",
# undef for a key that is not there; in a loop with `each` "it is always safe to delete the item most recently returned" (perlfunc).
# Seen: `delete` of a key returns a reference to the hash in which the module keeps the places of all keys, whatever the value was. A loop with `each`
# that deletes each key leaves every second one; of two keys, a loop that sets the value of each sees the first twice, and the second never.
#
# `my $session = delete $sessions{$id}` has the names of all sessions in it, and no session.
#
# Usage: findings/tie-hash-expire-gives-its-own-index-for-what-was-deleted.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libtie-hash-expire-perl=0.03-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Tie::Hash::Expire;

sub look {
    my ($name, $hash) = @_;
    $hash->{$_} = "value of $_" for 'a' .. 'f';
    my $deleted = delete $hash->{c};
    my $said = ref $deleted ? 'a hash of ' . join(' ', sort keys %$deleted) : $deleted;
    delete $hash->{$_} while ($_) = each %$hash;
    my $left = join ' ', sort keys %$hash;
    print "$name: delete returned $said; left by a loop that deletes: '$left'\n";
    return "$said; $left";
}

tie my %expiring, 'Tie::Hash::Expire', { expire_seconds => 3600 };
my %plain;
die 'this has changed' if look('a hash of Perl', \%plain) ne 'value of c; ';
die 'this has changed' if look('Tie::Hash::Expire', \%expiring) ne 'a hash of a b d e f; b e';

%expiring = (x => 1, y => 2);
my @names;
while (@names < 5 and my ($name) = each %expiring) {
    push @names, $name;
    $expiring{$name} = 3;
}
print "a loop that sets each value: @names\n";
die 'this has changed' if "@names" ne 'x x';
PERL
perl main.pl
echo "as described"
