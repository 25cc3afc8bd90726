#!/usr/bin/env bash
# The module ncgi 1.4.4 of Tcllib (Tcl; Debian package tcllib 1.21+dfsg-1) cuts a cookie at its second equals sign, and a name of a file at a semicolon.
#
# Expected: equals signs are letters of the value of a cookie like others (RFC 6265 section 4.1.1), and semicolons letters of a quoted string (RFC 9110
# section 5.6.4). `ncgi::cookie`: "Return a list of values for cookie" (its manual page).
# Seen: of `token=YWI=; theme=dark` the value of `token` is `YWI`. `ncgi::parseMimeValue`, with which the parts of forms are read, makes `"a` of
# `filename="a;b.txt"`, its quote included, and loses the rest.
#
# Base64 in a cookie is damaged, and the ending of a file is gone.
#
# Usage: findings/ncgi-of-tcllib-cuts-a-cookie-at-its-equals-sign.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Tcl 8.6 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet tcl8.6=8.6.13+dfsg-2 libtcl8.6=8.6.13+dfsg-2 tcllib=1.21+dfsg-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
export TCL_LIBRARY=$work/package/usr/share/tcltk/tcl8.6 TCLLIBPATH=$work/package/usr/share/tcltk/tcllib1.21

cat >main.tcl <<'TCL'
package require ncgi

proc expect {what seen expected} {
    puts "$what: $seen"
    if {$seen ne $expected} { error "it was $expected" }
}

set env(HTTP_COOKIE) {token=YWI=; theme=dark}
expect {theme of a Cookie} [ncgi::cookie theme] dark
expect {token of a Cookie} [ncgi::cookie token] YWI

foreach {filename expected} {{a b.txt} {a b.txt} {a;b.txt} {"a}} {
    set form [join [list --limit "Content-Disposition: form-data; name=\"file\"; filename=\"$filename\"" {} neutral --limit-- {}] \r\n]
    ncgi::reset $form {multipart/form-data; boundary=limit}
    ncgi::parse
    expect "content of $filename" [ncgi::importFile -data file] neutral
    expect "name of $filename" [ncgi::importFile -client file] $expected
}
TCL
package/usr/bin/tclsh8.6 main.tcl
echo "as described"
