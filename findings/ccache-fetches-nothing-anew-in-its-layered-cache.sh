#!/usr/bin/env bash
# ccache 2.0.3 (Go; Debian package 2.0.3-1): `Fetch` of a layered cache hands out what has expired for ever, and a cache of a hundred items is emptied
# by the next one.
#
# Expected: `Fetch` "attempts to get the value from the cache and calles fetch on a miss" (its documentation); that of the plain `Cache` does so for
# an item that has expired. `MaxSize` is the "max size for the cache".
# Seen: of two fetches with 20 ms for their duration, 50 ms apart, the second one of `Cache` calls the function again; that of `LayeredCache` does
# not, and hands out an item that says itself that it has expired. With `MaxSize(100)` the 101st item removes all 101, since 500 items are removed at
# a time unless `ItemsToPrune` says less; with `MaxSize(1000)` 501 of 1,001 stay.
#
# A cache of answers by user and format never renews one; and a small cache is empty again and again, while it seems to work.
#
# Usage: findings/ccache-fetches-nothing-anew-in-its-layered-cache.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-karlseguin-ccache-dev=2.0.3-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/karlseguin/ccache"
)

// fill puts one item more into a cache than may be in it, and tells how many are left.
func fill(size int) int {
	cache := ccache.New(ccache.Configure().MaxSize(int64(size)))
	for i := 0; i <= size; i++ {
		cache.Set(fmt.Sprint(i), i, time.Minute)
	}
	for deadline := time.Now().Add(5 * time.Second); cache.ItemCount() > size && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	return cache.ItemCount()
}

func main() {
	calls := 0
	fetch := func() (interface{}, error) {
		calls++
		return calls, nil
	}
	short := 20 * time.Millisecond
	plain, layered := ccache.New(ccache.Configure()), ccache.Layered(ccache.Configure())
	plain.Fetch("key", short, fetch)
	layered.Fetch("user", "json", short, fetch)
	time.Sleep(50 * time.Millisecond)
	again, _ := plain.Fetch("key", time.Minute, fetch)
	fmt.Println("Cache: value", again.Value(), "expired", again.Expired())
	if again.Value() != 3 || again.Expired() {
		panic("the plain cache")
	}
	again, _ = layered.Fetch("user", "json", time.Minute, fetch)
	fmt.Println("LayeredCache: value", again.Value(), "expired", again.Expired())
	if again.Value() != 2 || !again.Expired() {
		panic("the layered cache")
	}

	hundred, thousand := fill(100), fill(1000)
	fmt.Println("of 101 items at most 100:", hundred, "left; of 1001 at most 1000:", thousand, "left")
	if hundred != 0 || thousand != 501 {
		panic("sizes")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
