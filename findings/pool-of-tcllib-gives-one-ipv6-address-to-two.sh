#!/usr/bin/env bash
# The module struct::pool 1.2.3 of Tcllib (Tcl; Debian package tcllib 1.21+dfsg-1) hands the same item out twice if somebody asked for it by its
# name and the name has a bracket or a star, as an IPv6 address with a port has.
#
# Expected: an item "can be allocated only once at a time", and one that is allocated "must be released before it can be re-allocated"; examples are
# IP addresses and connections. `-prefer` asks for a certain item. `remove` takes a free item out, with `-force` also one that is not (pool(3tcl)).
# Seen: `[2001:db8::2]:80` is asked for and handed out, stays in `info freeitems`, and the next request that comes to it has it again. `remove` of a
# free one says that it is still allocated; with `-force` it is not counted any more and still handed out. Who asks for `db*` takes `db1` out of the
# free ones. The name is looked for as a pattern. Names without such letters are right, as `192.0.2.1:80` is, and so is each request without
# `-prefer`.
#
# Two write to one connection at once, or a server that was taken out of service goes on being asked.
#
# Usage: findings/pool-of-tcllib-gives-one-ipv6-address-to-two.sh
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
package require struct::pool

proc same {what seen expected} {
    puts "$what: $seen"
    if {$seen ne $expected} { error "it was $expected" }
}
# What three requests get if the first one prefers the second item of three.
proc requests {name items} {
    struct::pool $name
    $name add {*}$items
    set got {}
    foreach options [list [list -prefer [lindex $items 1]] {} {}] {
        $name request item {*}$options
        lappend got $item
    }
    return "[join $got { }], free then: [join [$name info freeitems] { }]"
}
# What a pool says when an item is removed that is free, and what it hands out then.
proc removed {name item force} {
    struct::pool $name
    $name add $item other
    catch { $name remove $item {*}$force } said
    $name request got
    return "'$said', got $got, size [$name info cursize]"
}

same "IPv4" [requests one {192.0.2.1:80 192.0.2.2:80 192.0.2.3:80}] {192.0.2.2:80 192.0.2.1:80 192.0.2.3:80, free then: }
same "IPv6" [requests two {[2001:db8::1]:80 [2001:db8::2]:80 [2001:db8::3]:80}] \
    {[2001:db8::2]:80 [2001:db8::1]:80 [2001:db8::2]:80, free then: [2001:db8::3]:80}
same "stars" [requests three {db1 db* db2}] {db* db* db2, free then: }

same "IPv4, removed" [removed four 192.0.2.1:80 {}] {'', got other, size 1}
same "IPv6, removed" [removed five {[2001:db8::1]:80} {}] \
    {'Can't remove `[2001:db8::1]:80' because it is still allocated.', got [2001:db8::1]:80, size 2}
same "IPv6, removed by force" [removed six {[2001:db8::1]:80} -force] \
    {'', got [2001:db8::1]:80, size 1}
TCL
"$work"/package/usr/bin/tclsh8.6 main.tcl
echo "as described"
