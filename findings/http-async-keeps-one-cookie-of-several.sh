#!/usr/bin/env bash
# HTTP::Async 0.33 (Perl; Debian package 0.33-3) keeps one field of several with the same name, as one cookie of two, and sends fragments.
#
# Expected: `next_response` gives an HTTP::Response, and a `cookie_jar` gets its cookies (its documentation). Set-Cookie comes in a field for each
# cookie (RFC 9110 section 5.3); "the target URI excludes the reference's fragment component" (section 7.1).
# Seen: of two fields `Set-Cookie` or `Link` the response has the last. A request for `http://.../page?a=1#part`, also by a redirect, asks for
# `/page?a=1#part`. LWP has both fields, and asks for `/page?a=1`.
#
# Logins that set a session and a token lose one of the two; servers that check what they are asked for answer 400.
#
# Usage: findings/http-async-keeps-one-cookie-of-several.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, python3 and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-async-perl=0.33-3 libwww-perl=6.68-1 libnet-http-perl=6.22-1 libhttp-message-perl=6.44-1 libhttp-date-perl=6.05-2 \
    libio-html-perl=1.004-3 liblwp-mediatypes-perl=6.04-2 libencode-locale-perl=1.05-3 liburi-perl=5.17-1 libtry-tiny-perl=0.31-2 \
    libhttp-negotiate-perl=6.01-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >server.py <<'PYTHON'
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302 if self.path == "/moved" else 200)
        for name, value in (
            ("Set-Cookie", "session=1"),
            ("Set-Cookie", "token=2"),
            ("Link", "</1>; rel=prev"),
            ("Link", "</3>; rel=next"),
            ("Location", "/page#part"),
            ("X-Asked-For", self.path),
            ("Content-Length", "0"),
        ):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON
python3 server.py >port &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done

cat >client.pl <<'PERL'
use strict;
use warnings;
use HTTP::Async;
use HTTP::Request;
use LWP::UserAgent;

sub by_async {
    my $async = HTTP::Async->new;
    $async->add($_[0]);
    return scalar $async->wait_for_next_response(20);
}

sub by_lwp { return LWP::UserAgent->new(env_proxy => 0)->request($_[0]) }

for my $case (
    ['LWP', \&by_lwp, '/page?a=1#part', '/page?a=1', 'session=1, token=2', 2],
    ['LWP', \&by_lwp, '/moved', '/page', 'session=1, token=2', 2],
    ['HTTP::Async', \&by_async, '/page?a=1#part', '/page?a=1#part', 'token=2', 1],
    ['HTTP::Async', \&by_async, '/moved', '/page#part', 'token=2', 1],
) {
    my ($name, $client, $path, $asked, $cookies, $links) = @$case;
    my $response = $client->(HTTP::Request->new(GET => "http://127.0.0.1:$ARGV[0]$path"));
    my $seen = join ', ', $response->header('Set-Cookie');
    my $linked = () = $response->header('Link');
    print "$name, $path: asked for ", $response->header('X-Asked-For'), ", cookies $seen, fields Link $linked\n";
    die 'this has changed' if $response->header('X-Asked-For') ne $asked or $seen ne $cookies or $linked != $links;
}
PERL
perl client.pl "$(<port)"
echo "as described"
