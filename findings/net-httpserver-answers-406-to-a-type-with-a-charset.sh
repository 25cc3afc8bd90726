#!/usr/bin/env bash
# Net::HTTPServer 1.1.1 (Perl; Debian package 1.1.1-4) answers 406 where a page has a charset, and ends the lines of its fields with a line feed alone,
# which Node.js refuses.
#
# Expected: `Accept: text/html` asks for each text/html, whatever its parameters; types have no case (RFC 9110 sections 12.5.1 and 8.3.1). Each line of
# a head ends with CR LF (RFC 9112 section 2.1); a recipient may, not must, take a line feed alone (section 2.2). Of itself: "a light-weight HTTP server";
# Content-Type is set with `Header` (its documentation).
# Seen: the page of a callback with `text/html; charset=utf-8` is 406 for `Accept: text/html` and for `Accept: text/html, application/json`, and 200 for
# `text/*`. The page without a charset is 200. `fetch` of Node.js 20 fails at each of them: "Response does not match the HTTP/1.1 protocol".
#
# Clients that name their types, as those of an API do, get no page with a charset, and those in Node.js none at all.
#
# Usage: findings/net-httpserver-answers-406-to-a-type-with-a-charset.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, curl, Node.js 20 and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-httpserver-perl=1.1.1-4 liburi-perl=5.17-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >server.pl <<'PERL'
use strict;
use warnings;
use Net::HTTPServer;

my $server = Net::HTTPServer->new(port => 'scan', type => 'single', log => "$ENV{PWD}/log");
for my $case (['/plain', 'text/html'], ['/charset', 'text/html; charset=utf-8']) {
    my ($path, $type) = @$case;
    $server->RegisterURL($path, sub {
        my $response = $_[0]->Response;
        $response->Header('Content-Type', $type);
        $response->Print('neutral');
        return $response;
    });
}
my $port = $server->Start or die 'no port';
open my $file, '>', 'port' or die;
print $file "$port\n";
close $file;
$server->Process;
PERL
perl server.pl 2>/dev/null &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done
address=http://127.0.0.1:$(<port)

check() {
    local code
    code=$(curl --silent --max-time 20 --output body --write-out '%{http_code}' --header "Accept: $2" "$address$1")
    echo "$1 for Accept: $2: $code"
    [[ $code == "$3" ]]
}
check /plain 'text/html' 200
check /plain 'text/html, application/json' 200
check /charset 'text/*' 200
check /charset 'text/html' 406
check /charset 'text/html, application/json' 406

said=$(node -e '
fetch(process.argv[1]).then(answer => console.log(answer.status), error => console.log(error.cause.message));
' "$address/plain")
echo "Node.js: $said"
[[ $said == *'does not match the HTTP/1.1 protocol'* ]]
echo "as described"
