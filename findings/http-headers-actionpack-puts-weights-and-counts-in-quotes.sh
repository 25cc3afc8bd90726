#!/usr/bin/env bash
# HTTP::Headers::ActionPack 0.09 (Perl; Debian package 0.09-2, below Web::Machine) writes weights and the count of Digest authentication in quotes.
#
# Expected: `weight = OWS ";" OWS "q=" qvalue`, where a qvalue is digits and a point (RFC 9110 section 12.4.2); "the sender MUST NOT generate the
# quoted string syntax for the following parameters: algorithm, qop, and nc" (RFC 7616 section 3.4).
# Seen: what it reads as `gzip;q=0.5, br` it writes as `br; q="1", gzip; q="0.5"`, and `text/html;q=0.5` as `text/html; q="0.5"`; a Digest comes back
# with `qop="auth"`, `nc="00000001"` and `algorithm="MD5"`. negotiator 1.0.0 (Node.js), which Express reads these fields with, sees no number in the
# quotes, and takes both codings for refused.
#
# A proxy that reads fields and passes them on changes what the client asks for, or has its credentials refused.
#
# Usage: findings/http-headers-actionpack-puts-weights-and-counts-in-quotes.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, Perl 5.36, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libhttp-headers-actionpack-perl=0.09-2 libhttp-message-perl=6.44-1 liburi-perl=5.17-1 libhttp-date-perl=6.05-2 \
    libclone-perl=0.46-1 libsub-exporter-perl=0.989-1 libdata-optlist-perl=0.113-1 libparams-util-perl=1.102-2+b1 \
    libsub-install-perl=0.929-1 libmodule-runtime-perl=0.016-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund negotiator@1.0.0

cat >again.pl <<'PERL'
use strict;
use warnings;
use HTTP::Headers::ActionPack;

my ($name, $value) = @ARGV;
print HTTP::Headers::ActionPack->new->create_header($name, $value), "\n";
PERL
write_again() {
    local seen
    seen=$(perl again.pl "$1" "$2")
    echo "$1: $2"
    echo "    $seen"
    [[ $seen == "$3" ]]
}
write_again Accept-Encoding 'gzip;q=0.5, br' 'br; q="1", gzip; q="0.5"'
write_again Accept 'text/html;q=0.5, application/json' 'application/json, text/html; q="0.5"'
write_again Authorization \
    'Digest username="u", realm="r", nonce="n", uri="/", qop=auth, nc=00000001, cnonce="c", response="d", algorithm=MD5' \
    'Digest username="u", realm="r", nonce="n", uri="/", qop="auth", nc="00000001", cnonce="c", response="d", algorithm="MD5"'

cat >read.js <<'JAVASCRIPT'
const assert = require('assert');
const Negotiator = require('negotiator');
const read = (value) => new Negotiator({ headers: { 'accept-encoding': value } }).encodings(['gzip', 'br']);
const [sent, written] = process.argv.slice(2).map(read);
console.log(`negotiator offers ${sent} for what was sent, ${written.join() || 'nothing'} for what was written`);
assert.deepStrictEqual(sent, ['br', 'gzip']);
assert.deepStrictEqual(written, []);
JAVASCRIPT
node read.js 'gzip;q=0.5, br' 'br; q="1", gzip; q="0.5"'
echo "as described"
