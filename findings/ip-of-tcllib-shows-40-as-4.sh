#!/usr/bin/env bash
# The module ip 1.4 of Tcllib (Tcl; Debian package tcllib 1.21+dfsg-1) shows 10.20.30.40 as 10.20.30.4.
#
# Expected: `ip::contract`: "Convert a normalized internet address into a more compact form suitable for displaying to users"; of its examples
# 192.168.0.0 is `192.168`, and `ip::normalize` makes 192.168.0.0 of that (its manual page).
# Seen: each zero and point at the end is taken off, whatever the number is that they end: 192.168.0.10 is `192.168.0.1`, 10.20.30.40 is `10.20.30.4`,
# 10.0.0.0 is `1`, and 0.0.0.0 is nothing. `ip::normalize` makes another address of each. Those of IPv6 are right.
#
# The user sees another host than the one that is meant.
#
# Usage: findings/ip-of-tcllib-shows-40-as-4.sh
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
package require ip

foreach {address expected} {
    192.168.0.0 192.168
    192.168.0.4 192.168.0.4
    192.168.0.10 192.168.0.1
    10.20.30.40 10.20.30.4
    192.168.10.0 192.168.1
    10.0.0.0 1
    0.0.0.0 {}
    2001:db8::10 2001:db8::10
} {
    set seen [ip::contract $address]
    puts "$address: '$seen'"
    if {$seen ne $expected} { error "it was '$expected'" }
}
foreach {address expected} {192.168.0.0 192.168.0.0 10.20.30.40 10.20.30.4 10.0.0.0 1.0.0.0} {
    set seen [ip::normalize [ip::contract $address]]
    puts "$address, contracted and normalized: $seen"
    if {$seen ne $expected} { error "it was $expected" }
}
TCL
package/usr/bin/tclsh8.6 main.tcl
echo "as described"
