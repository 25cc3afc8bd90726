#!/usr/bin/env bash
# Three readers of Accept and its kin for Perl choose what the client refuses: HTTP::Headers::ActionPack 0.09 and I18N::AcceptLanguage 1.04 read a
# weight of 0 as 1, Parse::MIME 1.006 prefers the closer match whatever its weight (Debian packages 0.09-2, 1.04-6 and 1.006-2).
#
# Expected: "a value of 0 means 'not acceptable'", and the higher weight is preferred (RFC 9110 section 12.4.2).
# Seen: for `text/html;q=0, application/json;q=0.3` ActionPack, by which Web::Machine negotiates, sends HTML; it gets `gzip;q=0` and `de;q=0` right.
# For `de;q=0, en;q=0.5` I18N::AcceptLanguage sends German, for `de;q=0.0` English. Parse::MIME, a port of mimeparse, sends HTML for `text/html;q=0,
# */*`, and JSON for `text/*, application/json;q=0.1`. HTTP::Negotiate 6.01 gets all of these right.
#
# Usage: findings/three-readers-of-accept-for-perl-take-a-refusal-for-a-wish.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-headers-actionpack-perl=0.09-2 libi18n-acceptlanguage-perl=1.04-6 libparse-mime-perl=1.006-2 \
    libhttp-negotiate-perl=6.01-2 libhttp-message-perl=6.44-1 liburi-perl=5.17-1 libhttp-date-perl=6.05-2 libclone-perl=0.46-1 \
    libsub-exporter-perl=0.989-1 libdata-optlist-perl=0.113-1 libparams-util-perl=1.102-2+b1 libsub-install-perl=0.929-1 \
    libmodule-runtime-perl=0.016-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >choices.pl <<'PERL'
use strict;
use warnings;
use HTTP::Headers;
use HTTP::Headers::ActionPack;
use HTTP::Negotiate ();
use I18N::AcceptLanguage;
use Parse::MIME;

my @types = ('text/html', 'application/json');
my @languages = ('de', 'en');
my $pack = HTTP::Headers::ActionPack->new->get_content_negotiator;

# The right choice, as HTTP::Negotiate makes it among these types or languages.
sub right {
    my ($name, $value) = @_;
    my @variants = $name eq 'Accept' ? map { [$_, 1, $_] } @types : map { [$_, 1, 'text/html', undef, undef, $_] } @languages;
    return HTTP::Negotiate::choose(\@variants, HTTP::Headers->new($name => $value));
}

for my $case (
    ['Accept', 'text/html, application/json;q=0.3', 'text/html', 'text/html'],
    ['Accept', 'text/html;q=0, application/json;q=0.3', 'text/html', 'application/json'],
    ['Accept', 'text/html;q=0, */*', 'text/html', 'text/html'],
    ['Accept', 'text/*, application/json;q=0.1', 'text/html', 'application/json'],
) {
    my ($name, $value, @expected) = @$case;
    my @seen = (scalar $pack->choose_media_type(\@types, $value), Parse::MIME::best_match(\@types, $value));
    my $right = right($name, $value);
    print "$name: $value: right is $right; ActionPack $seen[0], Parse::MIME $seen[1]\n";
    die "@expected" if "@seen" ne "@expected";
}
for my $case (
    ['de;q=0.4, en;q=0.5', 'en', 'en'],
    ['de;q=0.0, en;q=0.5', 'en', 'en'],
    ['de;q=0, en;q=0.5', 'en', 'de'],
) {
    my ($value, @expected) = @$case;
    my @seen = ($pack->choose_language(\@languages, $value), I18N::AcceptLanguage->new->accepts($value, \@languages));
    my $right = right('Accept-Language', $value);
    print "Accept-Language: $value: right is $right; ActionPack $seen[0], AcceptLanguage $seen[1]\n";
    die "@expected" if "@seen" ne "@expected" or $right ne 'en';
}
die 'gzip' if $pack->choose_encoding(['gzip', 'identity'], 'gzip;q=0') ne 'identity';
PERL
perl choices.pl
echo "as described"
