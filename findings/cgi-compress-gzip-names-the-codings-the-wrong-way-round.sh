#!/usr/bin/env bash
# CGI::Compress::Gzip 1.03 (Perl, Debian package 1.03-3) says `Content-Encoding: gzip, br` of what was compressed with br and then with gzip, and
# compresses for a client that refused it.
#
# Expected: several codings are listed "in the order in which they were applied" (RFC 9110 section 8.4), so `br, gzip`; a weight of 0 means "not acceptable"
# (12.4.2). Its manual: gzip is used "if the client browser wants compressed output".
# Seen: for a style sheet that is stored with br and sent with its Content-Encoding, the body is gzip outside and what was stored inside, and the field says
# that it is the other way round. `gzip;q=0, br` gets gzip as well. Without a Content-Encoding and with `Accept-Encoding: br` all is right. Each page ends
# with a warning, since CGI 4.55 has no DESTROY that it could call.
#
# A client undoes br first, the last of the list, and fails; the page has no style.
#
# Usage: findings/cgi-compress-gzip-names-the-codings-the-wrong-way-round.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and perl. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libcgi-compress-gzip-perl=1.03-3 libcgi-pm-perl=4.55-1 libhtml-parser-perl=3.81-1+deb12u1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >page.pl <<'PERL'
use v5.32;
use warnings;
use CGI::Compress::Gzip;

my ($coding) = @ARGV;
my $cgi = CGI::Compress::Gzip->new;
print $cgi->header(-type => 'text/css', $coding ? (-Content_Encoding => $coding) : ());
print 'as stored ' x 20;
PERL

# Prints the codings that the field says and what the body is.
cat >check.pl <<'PERL'
use v5.32;
use warnings;
use IO::Uncompress::Gunzip qw(gunzip);

my ($what, $expected) = @ARGV;
local $/;
my ($head, $body) = split /\r\n\r\n/, <STDIN>, 2;
my ($codings) = $head =~ /^Content-Encoding: (.*?)\r?$/mi;
my $is_gzip = $body =~ /\A\x1f\x8b/;
my $content = $body;
gunzip(\$body, \$content) or die "not gzip\n" if $is_gzip;
my $seen = ($codings // 'none') . '; ' . ($is_gzip ? 'gzip of ' : '') . ($content eq 'as stored ' x 20 ? 'what is stored' : 'something else');
say "$what: $seen";
die "it was $expected\n" unless $seen eq $expected;
PERL

page() { GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET QUERY_STRING='' HTTP_ACCEPT_ENCODING=$1 perl page.pl "${@:2}" 2>>warnings; }
page br | perl check.pl 'br is accepted' 'none; what is stored'
page gzip | perl check.pl 'gzip is accepted' 'gzip; gzip of what is stored'
page 'br, gzip' br | perl check.pl 'both are, and it is stored with br' 'gzip, br; gzip of what is stored'
page 'gzip;q=0, br' | perl check.pl 'gzip is refused' 'gzip; gzip of what is stored'
echo "warnings at the end of the four pages: $(grep -c "Can't locate object method \"DESTROY\"" warnings)"
[[ $(wc -l <warnings) == 4 ]]
echo "as described"
