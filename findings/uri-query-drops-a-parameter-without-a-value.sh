#!/usr/bin/env bash
# URI::Query 0.16 (Perl; Debian package 0.16-2) drops parameters without a value, though nobody asked it to.
#
# Expected: `strip_null` is there to "remove all parameters that have a value of undef from the current parameter set" (its documentation), so they
# are a part of the set without it; a form sends `q=` for a field that was left empty.
# Seen: `q=&page=2` comes back as `page=2`, `preview&page=2` too, and a changed page makes it `page=3`. `hash` has a reference to an empty array for
# `q` where other parameters have their text.
#
# A link to the next page is one of another search, and a signature over the query does not match any more.
#
# Usage: findings/uri-query-drops-a-parameter-without-a-value.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet liburi-query-perl=0.16-2 liburi-perl=5.17-1 libclone-perl=0.46-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use URI::Query;

for my $case (['page=2&q=neutral', 'page=2&q=neutral', 'page=3&q=neutral'], ['q=&page=2', 'page=2', 'page=3'], ['preview&page=2', 'page=2', 'page=3']) {
    my ($query, @expected) = @$case;
    my $read = URI::Query->new($query);
    my @seen = "$read";
    push @seen, $read->replace(page => 3)->stringify;
    print "$query: written again $seen[0], with page 3 $seen[1]\n";
    die "@expected" if "@seen" ne "@expected";
}
my %values = URI::Query->new('q=&page=2')->hash;
print 'hash: page is ', ref $values{page} || 'a text', ', q is ', ref $values{q} || 'a text', "\n";
die 'hash' if ref $values{page} or ref $values{q} ne 'ARRAY';
PERL
perl main.pl
echo "as described"
