#!/usr/bin/env bash
# Plack::Middleware::Cache 0.19 (Perl; Debian package 0.19-2) breaks every answer whose body is an array, and gives the answer to a HEAD to who asks
# with GET.
#
# Expected: "The response body MUST be returned from the application as either an array reference or a handle" (PSGI); the middleware is there "to
# cache expensive and non-changing responses from URIs" (its documentation). A cache may use an answer for another request only if "the request method
# associated with the stored response allows it" (RFC 9111 section 4).
# Seen: the body is appended to the array as to a text. The first who asks for a page gets 500, since what is left is neither array nor handle;
# whoever asks later gets `ARRAY(0x...)` before the text, with 200, until the file of the cache is removed. A HEAD is kept as well, so that each GET
# behind it gets 200 without a body; a POST gets what is kept and never reaches the application.
#
# A health check with HEAD empties the page.
#
# Usage: findings/plack-middleware-cache-writes-array-into-the-page.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libplack-middleware-cache-perl=0.19-2 libplack-perl=1.0050-1 libhttp-message-perl=6.44-1 liburi-perl=5.17-1 \
    libhttp-date-perl=6.05-2 liblwp-mediatypes-perl=6.04-2 libio-html-perl=1.004-3 libencode-locale-perl=1.05-3 libtry-tiny-perl=0.31-2 \
    libhash-multivalue-perl=0.16-3 libstream-buffered-perl=0.03-3 libcookie-baker-perl=0.11-3 libhttp-headers-fast-perl=0.22-3 \
    libhttp-entity-parser-perl=0.25-2 libhttp-multipartparser-perl=0.02-3 libwww-form-urlencoded-perl=0.26-2 libclone-perl=0.46-1 \
    libjson-maybexs-perl=1.004004-1 libmodule-runtime-perl=0.016-2 libdevel-stacktrace-perl=2.0400-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >pages.pl <<'PERL'
use strict;
use warnings;
use HTTP::Request;
use Plack::Middleware::Cache;
use Plack::Request;
use Plack::Test;

my $calls = 0;
my $application = sub {
    my $environment = shift;
    $calls++;
    my @body = $environment->{REQUEST_METHOD} eq 'HEAD' ? () : ("page $calls");
    return [200, ['Content-Type' => 'text/plain'], \@body];
};
my $cached = Plack::Middleware::Cache->wrap($application, match_url => '^/', cache_dir => 'kept');

sub ask {
    my ($asked, $method, $path) = @_;
    my $answer = Plack::Test->create($asked)->request(HTTP::Request->new($method, $path));
    my $text = $answer->content =~ s/0x[0-9a-f]+/0x/gr;
    $text = 'an error' if $answer->code == 500;
    print "$method $path: ", $answer->code, " '$text', call $calls\n";
    return join ' ', $answer->code, $text;
}

die 'without the cache' if ask($application, 'GET', '/plain') ne '200 page 1';
die 'the first GET' if ask($cached, 'GET', '/get') ne '500 an error';
die 'the second GET' if ask($cached, 'GET', '/get') ne '200 ARRAY(0x)page 2';
die 'the HEAD' if ask($cached, 'HEAD', '/head') ne '200 ';
die 'a GET behind HEAD' if ask($cached, 'GET', '/head') ne '200 ';
die 'a POST behind HEAD' if ask($cached, 'POST', '/head') ne '200 ' or $calls != 3;
PERL
perl pages.pl
echo "as described"
