#!/usr/bin/env bash
# Two readers of Link for Perl lose links: HTTP::Link 0.001 (Debian package 0.001-3) reads none with a parameter that it does not know, and none
# behind it; HTTP::Link::Parser 0.200 (0.200-1.1) reads the first one of a field.
#
# Expected: a Link field is a list of links, whose parameters are open: "other link-params [...] are defined by the application", as `as` and
# `crossorigin` are for preload (RFC 8288 sections 3 and 3.4.2; HTML, "preload"). An empty reference is one to the page itself (RFC 3986 section 4.4).
# Seen: HTTP::Link gives an empty list for `</style.css>; rel=preload; as=style`, for the same with a link to the next page behind it, and for `<>;
# rel=self`; without `as` it reads both. HTTP::Link::Parser gives the next page and not the last one where both stand in one field, and both where
# each has a field of its own. HTTP::Headers::ActionPack 0.09 reads all but the empty one.
#
# A hint for early loading makes the pages of a list unreachable, and a proxy that joins fields does so as well.
#
# Usage: findings/two-readers-of-link-for-perl-lose-links.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-link-perl=0.001-3 libhttp-link-parser-perl=0.200-1.1 libhttp-headers-actionpack-perl=0.09-2 \
    libstrictures-perl=2.000006-1 libmime-ecoencode-perl=0.95-3 libhttp-message-perl=6.44-1 liburi-perl=5.17-1 libhttp-date-perl=6.05-2 \
    liblwp-mediatypes-perl=6.04-2 libio-html-perl=1.004-3 libencode-locale-perl=1.05-3 libclone-perl=0.46-1 libsub-exporter-perl=0.989-1 \
    libdata-optlist-perl=0.113-1 libparams-util-perl=1.102-2+b1 libsub-install-perl=0.929-1 libmodule-runtime-perl=0.016-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >links.pl <<'PERL'
use strict;
use warnings;
use HTTP::Headers::ActionPack;
use HTTP::Link;
use HTTP::Link::Parser qw(parse_links_to_list);
use HTTP::Response;

# The targets that each of the three reads in these fields of one answer, the relative ones as paths.
sub targets {
    my @fields = @_;
    my $joined = join ', ', @fields;
    my $answer = HTTP::Response->new(200, 'OK', ['Content-Base' => 'http://localhost/', map { (Link => $_) } @fields]);
    my @by_parser = map { $_->{URI}->path } @{ parse_links_to_list($answer) };
    my @by_link = map { $_->{iri} } HTTP::Link->parse($joined);
    my @by_pack = eval { map { $_->href } HTTP::Headers::ActionPack->new->create_header('Link', $joined)->iterable };
    return map { $_ // '' } "@by_link", "@by_parser", "@by_pack";
}

for my $case (
    [['</2>; rel=next, </9>; rel=last'], '/2 /9', '/2', '/2 /9'],
    [['</2>; rel=next', '</9>; rel=last'], '/2 /9', '/2 /9', '/2 /9'],
    [['</style.css>; rel=preload, </2>; rel=next'], '/style.css /2', '/style.css', '/style.css /2'],
    [['</style.css>; rel=preload; as=style, </2>; rel=next'], '', '/style.css', '/style.css /2'],
    [['</style.css>; rel=preload; as=style'], '', '/style.css', '/style.css'],
    [['<>; rel=self'], '', '/', ''],
) {
    my ($fields, @right) = @$case;
    my @seen = targets(@$fields);
    print join(' and ', map { "Link: $_" } @$fields), "\n    HTTP::Link ($seen[0]), Parser ($seen[1]), ActionPack ($seen[2])\n";
    die "it was '$right[$_]'" for grep { $seen[$_] ne $right[$_] } 0 .. 2;
}
PERL
perl links.pl
echo "as described"
