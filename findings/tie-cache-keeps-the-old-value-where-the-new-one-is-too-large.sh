#!/usr/bin/env bash
# Tie::Cache 0.21 (Perl; Debian package 0.21-3) keeps the old value of a key whose new value is too large for it, and writes it over the new one.
#
# Expected: of MaxSize: "Larger entries are not cached" (its documentation), so that what is read next comes from behind the cache; and as the "sole
# interface for some data set" it calls `write` when that changes.
# Seen: with MaxBytes of 100000 a value of 20000 bytes is not taken, and the value that the key had before stays: a read gives the old one. The data
# behind it, to which `write` has put the new value, are not asked. With WriteSync of 0 the old value is written at the next flush or at the end,
# over the new one, which is lost. A first value of 20000 bytes is read from behind the cache, and a small one takes the place of another.
#
# A page or a session that has grown is read as it was before for as long as somebody reads it.
#
# Usage: findings/tie-cache-keeps-the-old-value-where-the-new-one-is-too-large.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libtie-cache-perl=0.21-3 >/dev/null
dpkg-deb --extract ./*.deb package
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;

package Store;
use Tie::Cache;
our @ISA = ('Tie::Cache');
our %behind;
sub read { my ($self, $key) = @_; return $behind{$key} }
sub write { my ($self, $key, $value) = @_; $behind{$key} = $value }

package main;
my $large = 'n' x 20000;

sub is {
    my ($name, $value, $expected) = @_;
    my $short = length $value > 10 ? length($value) . ' bytes' : $value;
    print "$name: $short\n";
    die $expected if $value ne $expected;
}

tie my %plain, 'Tie::Cache', { MaxBytes => 100000 };
@plain{'small', 'large'} = ('old', 'old');
$plain{small} = 'new';
$plain{large} = $large;
is('behind a small value', $plain{small}, 'new');
is('behind a large value', $plain{large}, 'old');

tie my %store, 'Store', { MaxBytes => 100000 };
$store{first} = $large;
is('a first value that is large', $store{first}, $large);
$store{page} = 'old';
$store{page} = $large;
is('written behind the cache', $Store::behind{page}, $large);
is('read from the cache', $store{page}, 'old');

tie my %late, 'Store', { MaxBytes => 100000, WriteSync => 0 };
$late{session} = 'old';
$late{session} = $large;
is('written at once', $Store::behind{session}, $large);
tied(%late)->flush;
is('behind a flush', $Store::behind{session}, 'old');
PERL
perl main.pl
echo "as described"
