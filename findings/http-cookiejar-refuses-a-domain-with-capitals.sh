#!/usr/bin/env bash
# HTTP::CookieJar 0.014 (Perl; Debian package 0.014-1) refuses a cookie whose Domain has a capital.
#
# Expected: "Convert the cookie-domain to lower case" (RFC 6265 section 5.2.3), as names of hosts have no case.
# Seen: from www.example.com `Domain=Example.com` is dropped without a word, for that host too; `Domain=example.com` is kept. HTTP::Cookies 6.10 keeps
# both.
#
# A session is never begun where somebody wrote the name of the site as it is printed on paper.
#
# Usage: findings/http-cookiejar-refuses-a-domain-with-capitals.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-cookiejar-perl=0.014-1 libhttp-date-perl=6.05-2 libhttp-cookies-perl=6.10-1 \
    libhttp-message-perl=6.44-1 liburi-perl=5.17-1 libclone-perl=0.46-1 libencode-locale-perl=1.05-3 libio-html-perl=1.004-3 \
    liblwp-mediatypes-perl=6.04-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use HTTP::CookieJar;
use HTTP::Cookies;
use HTTP::Request;
use HTTP::Response;

my $origin = 'http://www.example.com/';
for my $case (['example.com', 'id=7'], ['Example.com', '']) {
    my ($domain, $expected) = @$case;
    my $cookie = "id=7; Path=/; Domain=$domain";
    my $jar = HTTP::CookieJar->new;
    $jar->add($origin, $cookie);
    my $kept = $jar->cookie_header($origin);

    my $other = HTTP::Cookies->new;
    my $answer = HTTP::Response->new(200, 'OK', ['Set-Cookie' => $cookie]);
    $answer->request(HTTP::Request->new(GET => $origin));
    $other->extract_cookies($answer);
    my $again = HTTP::Request->new(GET => $origin);
    $other->add_cookie_header($again);
    my $right = $again->header('Cookie');
    print "$cookie: HTTP::CookieJar sends '$kept', HTTP::Cookies '$right'\n";
    die 'HTTP::CookieJar' if $kept ne $expected;
    die 'HTTP::Cookies' if $right ne 'id=7';
}
PERL
perl main.pl
echo "as described"
