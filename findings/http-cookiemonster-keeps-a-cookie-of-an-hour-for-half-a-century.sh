#!/usr/bin/env bash
# HTTP::CookieMonster 0.11 (Perl; Debian package 0.11-2) takes the date at which a cookie ends for the seconds that it has left, and encodes a value
# that was not encoded.
#
# Expected: `set_cookie` "sets a cookie and updates the cookie jar"; in its manual a cookie is taken out, given another value and put back, and a
# new one has `expires => 1376081877`, which is a date of August 2013. A client sends back the value that it was sent (RFC 6265 section 5.4), and a
# value holds an equals sign as it is (section 4.1.1).
# Seen: of a cookie with an hour left that is put back as it is, its end counts as seconds from now: taken out at the start of 2025 it lives until
# 2080. The new one of the manual is set in 2025 until 2068, not gone since 2013. `YWJj==` and `a%2Fb+c` are put back, unchanged, as `YWJj%3D%3D`
# and `a%2Fb%2Bc`. `abc` comes back as it was. HTTP::Cookies 6.10 below it takes seconds from now, and keeps values as they are.
#
# A site does not know its session any more once a script has touched the cookie, and the jar on the disk keeps it for ever.
#
# Usage: findings/http-cookiemonster-keeps-a-cookie-of-an-hour-for-half-a-century.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-cookiemonster-perl=0.11-2 libhttp-cookies-perl=6.10-1 libhttp-message-perl=6.44-1 libhttp-date-perl=6.05-2 \
    liburi-perl=5.17-1 libclone-perl=0.46-1 libencode-locale-perl=1.05-3 libio-html-perl=1.004-3 liblwp-mediatypes-perl=6.04-2 \
    libmoo-perl=2.005005-1 libclass-method-modifiers-perl=2.14-1 librole-tiny-perl=2.002004-1 libsub-quote-perl=2.006008-1 \
    libsub-exporter-perl=0.989-1 libdata-optlist-perl=0.113-1 libparams-util-perl=1.102-2+b1 libsub-install-perl=0.929-1 \
    libsafe-isa-perl=1.000010-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
my $now;
# The clock stands at noon of the first of January 2025.
BEGIN { $now = 1735732800; *CORE::GLOBAL::time = sub () { $now } }
use HTTP::CookieMonster;
use HTTP::Cookies;
use HTTP::Date qw(time2str);
use HTTP::Request;
use HTTP::Response;

sub same { print "$_[0]: $_[1]\n"; $_[1] eq $_[2] or die "it is not $_[2]\n" }

my $jar = HTTP::Cookies->new;
my $request = HTTP::Request->new(GET => 'http://www.example.com/');
my $ends = time2str($now + 3600);
my $answer = HTTP::Response->new(200, 'OK', [map { ('Set-Cookie' => "$_; Path=/; Expires=$ends") } 'a=abc', 'b=YWJj==', 'c=a%2Fb+c']);
$answer->request($request);
$jar->extract_cookies($answer);

sub sent {
    my $request = HTTP::Request->new(GET => 'http://www.example.com/');
    $jar->add_cookie_header($request);
    return join '; ', sort split /; /, $request->header('Cookie');
}
sub left { my $ends; $jar->scan(sub { $ends = $_[8] if $_[1] eq 'b' }); $ends - $now }

same('sent before', sent(), 'a=abc; b=YWJj==; c=a%2Fb+c');
same('seconds left before', left(), 3600);
my $monster = HTTP::CookieMonster->new($jar);
for my $name (qw(a b c)) {
    $monster->set_cookie($monster->get_cookie($name));
}
same('sent behind set_cookie of each as it is', sent(), 'a=abc; b=YWJj%3D%3D; c=a%2Fb%2Bc');
same('seconds left behind it', left(), $now + 3600);
same('it ends', time2str($now + left()), 'Wed, 03 Jan 2080 01:00:00 GMT');

$monster->set_cookie(HTTP::CookieMonster::Cookie->new(
    key => 'old', val => 'value', path => '/', domain => '.example.com', path_spec => 1, secure => 0, expires => 1376081877));
same('a cookie that ended in 2013', time2str($monster->get_cookie('old')->expires), 'Fri, 10 Aug 2068 08:57:57 GMT');
PERL
perl main.pl
echo "as described"
