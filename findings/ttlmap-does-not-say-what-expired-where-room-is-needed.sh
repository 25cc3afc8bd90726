#!/usr/bin/env bash
# ttlmap (Go; Debian package 0.0~git20170619.c1c17f7-2) does not call what is to be called on expiry for an item that has expired and is removed to
# make room.
#
# Expected: "CallOnExpire will call this callback on expiration of elements" (its documentation).
# Seen: in a full map of two items that have both expired, a third `Set` removes one of them without the callback; it is called for the other one,
# which somebody asks for. So whether it is called depends on whether a Get or a Set comes first.
#
# Connections or files that the callback closes stay open, the more the busier the map is.
#
# Usage: findings/ttlmap-does-not-say-what-expired-where-room-is-needed.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-mailgun-ttlmap-dev=0.0~git20170619.c1c17f7-2 \
    golang-github-mailgun-minheap-dev=0.0~git20170619.3dbe6c6-3 golang-github-mailgun-timetools-dev=0.0~git20170619.f3a7b8f-2 \
    golang-gopkg-mgo.v2-dev=2016.08.01-7 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/mailgun/timetools"
	"github.com/mailgun/ttlmap"
)

func main() {
	clock := &timetools.FreezedTime{CurrentTime: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
	var told []string
	onExpire := func(key string, value interface{}) { told = append(told, key) }
	items, err := ttlmap.NewMap(2, ttlmap.Clock(clock), ttlmap.CallOnExpire(onExpire))
	if err != nil {
		panic(err)
	}
	items.Set("first", 1, 10)
	items.Set("second", 2, 20)
	clock.CurrentTime = clock.CurrentTime.Add(30 * time.Second)
	items.Set("third", 3, 10)
	fmt.Println("two have expired, and a third one took a place: told of", told, "and", items.Len(), "are left")
	if len(told) != 0 || items.Len() != 2 {
		panic("it was told")
	}
	for _, key := range []string{"first", "second"} {
		if _, there := items.Get(key); there {
			panic("it has not expired")
		}
	}
	fmt.Println("behind a Get of each: told of", told)
	if len(told) != 1 || told[0] != "second" {
		panic("it differs")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
