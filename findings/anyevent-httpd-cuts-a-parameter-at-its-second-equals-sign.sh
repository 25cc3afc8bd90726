#!/usr/bin/env bash
# AnyEvent::HTTPD 0.93 (Perl; Debian package 0.93-6) cuts a parameter at its second equals sign, and the name of a file at an equals sign or semicolon.
#
# Expected: of `name=value`, what is behind the first equals sign is the value (URL Standard, application/x-www-form-urlencoded parsing); inside a
# quoted string, equals signs and semicolons are letters like others (RFC 9110 section 5.6.6). "Returns the first value of the form parameter" (its
# documentation).
# Seen: of `?next=/list?page=2&token=YWI=` the values are `/list?page` and `YWI`. A file that is uploaded as `filename="a=b.txt"` has the name `"a`,
# with the quote, and `filename="a;b.txt"` the same. With `filename="ab.txt"` the name is whole.
#
# Base64 and addresses in a query arrive damaged.
#
# Usage: findings/anyevent-httpd-cuts-a-parameter-at-its-second-equals-sign.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, curl and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libanyevent-httpd-perl=0.93-6 libanyevent-perl=7.170-2+b3 libcommon-sense-perl=3.75-3 libobject-event-perl=1.230-2 \
    liburi-perl=5.17-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >server.pl <<'PERL'
use strict;
use warnings;
use AnyEvent;
use AnyEvent::HTTPD;

my $server = AnyEvent::HTTPD->new(host => '127.0.0.1', port => 0);
$server->reg_cb('' => sub {
    my ($server, $request) = @_;
    my $parameters = $request->{parm};
    my $said = join '', map { "$_: $parameters->{$_}[0][0], file " . ($parameters->{$_}[0][2] // 'none') . "\n" } sort keys %$parameters;
    $request->respond({ content => ['text/plain', $said] });
});
$| = 1;
print $server->port, "\n";
AnyEvent->condvar->recv;
PERL
perl server.pl >port &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done

seen() {
    local expected=$1 said
    shift
    said=$(curl --silent --max-time 20 "$@")
    echo "$said"
    [[ $said == "$expected" ]]
}
address=http://127.0.0.1:$(<port)/
seen $'next: /list?page, file none\ntoken: YWI, file none' "$address?next=/list?page=2&token=YWI="
seen $'plain: 2, file none' "$address?plain=2"
printf neutral >file
seen 'file: neutral, file ab.txt' --form 'file=@file;filename=ab.txt' "$address"
seen 'file: neutral, file "a' --form 'file=@file;filename="a=b.txt"' "$address"
seen 'file: neutral, file "a' --form 'file=@file;filename="a;b.txt"' "$address"
echo "as described"
