#!/usr/bin/env bash
# HTTP::MultiPartParser 0.02 (Perl, below Plack; Debian package 0.02-3) refuses a form that ends with its last boundary, and blanks behind one.
#
# Expected: `multipart-body := [preamble CRLF] dash-boundary transport-padding CRLF body-part *encapsulation close-delimiter transport-padding [CRLF
# epilogue]`, where "transport-padding" is blanks and tabs that receivers "MUST be able to handle", and the CRLF behind the close-delimiter belongs to
# the optional epilogue (RFC 2046 section 5.1.1).
# Seen: a body that ends with `--b--` is "End of stream encountered while parsing closing boundary", and one with a blank behind a boundary an error
# too; with a line end behind `--b--` the same form is read. Plack::Request 1.0050 raises that error for each such request, which becomes a 500. The
# email module of Python and busboy 1.6.0 (Node.js) read the first form.
#
# Usage: findings/http-multipartparser-refuses-a-form-that-ends-with-its-boundary.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, Perl 5.36, python3, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libplack-perl=1.0050-1 libhttp-message-perl=6.44-1 liburi-perl=5.17-1 libhttp-date-perl=6.05-2 libtry-tiny-perl=0.31-2 \
    liblwp-mediatypes-perl=6.04-2 libio-html-perl=1.004-3 libencode-locale-perl=1.05-3 libhash-multivalue-perl=0.16-3 \
    libstream-buffered-perl=0.03-3 libcookie-baker-perl=0.11-3 libhttp-headers-fast-perl=0.22-3 libhttp-entity-parser-perl=0.25-2 \
    libhttp-multipartparser-perl=0.02-3 libwww-form-urlencoded-perl=0.26-2 libclone-perl=0.46-1 libjson-maybexs-perl=1.004004-1 \
    libmodule-runtime-perl=0.016-2 libdevel-stacktrace-perl=2.0400-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund busboy@1.6.0

form() { printf '%s\r\nContent-Disposition: form-data; name="word"\r\n\r\nneutral\r\n%s' "$@"; }
form --b $'--b--\r\n' >line-end
form --b --b-- >bare
form '--b ' $'--b--\r\n' >padding

cat >form.pl <<'PERL'
use strict;
use warnings;
use Plack::Request;

open my $body, '<:raw', $ARGV[0] or die $!;
my $request = Plack::Request->new({
    REQUEST_METHOD => 'POST', CONTENT_TYPE => 'multipart/form-data; boundary=b', CONTENT_LENGTH => -s $body,
    'psgi.input' => $body, 'psgix.input.buffered' => 1,
});
my $word = eval { $request->parameters->get('word') } // $@;
print $word =~ s/ at \S+ line.*//sr;
PERL
cat >form.py <<'PYTHON'
import email
import sys

form = email.message_from_bytes(b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + open(sys.argv[1], "rb").read())
print(form.get_payload(0).get_payload(), end="")
PYTHON
cat >form.js <<'JAVASCRIPT'
const busboy = require('busboy')({ headers: { 'content-type': 'multipart/form-data; boundary=b' } });
busboy.on('field', (name, value) => process.stdout.write(value));
busboy.on('error', (error) => process.stdout.write(error.message));
busboy.end(require('fs').readFileSync(process.argv[2]));
JAVASCRIPT
for name in line-end bare padding; do
    perl=$(perl form.pl $name)
    python=$(python3 form.py $name)
    node=$(node form.js $name)
    echo "$name: Plack '$perl', Python '$python', busboy '$node'"
    case $name in
        line-end) [[ $perl == neutral && $python == neutral && $node == neutral ]] ;;
        bare) [[ $perl == 'End of stream encountered while parsing closing boundary' && $python == neutral && $node == neutral ]] ;;
        padding) [[ $perl == 'Boundary does not terminate with CRLF or hyphens' && $python == neutral ]] ;;
    esac
done
echo "as described"
