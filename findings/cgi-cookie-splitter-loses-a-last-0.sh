#!/usr/bin/env bash
# CGI::Cookie::Splitter 0.05 (Perl; Debian package 0.05-3) loses a 0 at the end of a value, and the empty ones of several values.
#
# Expected: of `join`: "This is the inverse of `split`" (its documentation).
# Seen: where the last of the small cookies would hold a `0` alone, it is not made, since 0 is false for Perl; the value that is joined lacks it. With
# a size of 200, that is a value of 276 letters and a 0. Of the values `a`, an empty one, a long one and two empty ones, three come back: those at the
# end are lost. The small cookies have neither the `Max-Age` nor the `SameSite` of the big one, so they end with the session.
#
# A number in a big cookie is a tenth of what was stored, at some lengths only.
#
# Usage: findings/cgi-cookie-splitter-loses-a-last-0.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libcgi-cookie-splitter-perl=0.05-3 libcgi-simple-perl=1.280-2+deb12u1 libnamespace-clean-perl=0.27-2 \
    libb-hooks-endofscope-perl=0.26-1 libpackage-stash-perl=0.40-1 libpackage-stash-xs-perl=0.30-1+b1 libmodule-implementation-perl=0.09-2 \
    libmodule-runtime-perl=0.016-2 libtry-tiny-perl=0.31-2 libvariable-magic-perl=0.63-1+b1 libsub-exporter-progressive-perl=0.001013-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use CGI::Cookie::Splitter;
use CGI::Simple::Cookie;

my $splitter = CGI::Cookie::Splitter->new(size => 200);

sub joined {
    my ($joined) = $splitter->join($splitter->split(CGI::Simple::Cookie->new(-name => 'state', -path => '/', @_)));
    return $joined->value;
}

for my $length (275 .. 277) {
    my $value = 'x' x $length . '0';
    my $joined = joined(-value => $value);
    print length($value), ' letters with a 0 at the end: ', length($joined), " come back\n";
    die 'this has changed' if $joined ne ($length == 276 ? 'x' x $length : $value);
}

my @values = joined(-value => ['a', '', 'x' x 300, '', '']);
print 'of 5 values ', scalar @values, " come back\n";
die 'this has changed' if @values != 3;

my $big = CGI::Simple::Cookie->new(-name => 'state', -value => 'x' x 300, '-max-age' => '+1h', -samesite => 'Lax');
my @small = $splitter->split($big);
print "$_\n" for map { s/=x+//r } $big->as_string, map { $_->as_string } @small;
die 'this has changed' if $big->as_string !~ /max-age=3600.*samesite=lax/i or grep { $_->as_string =~ /max-age|samesite/i } @small;
PERL
perl main.pl
echo "as described"
