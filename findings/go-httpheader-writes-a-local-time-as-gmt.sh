#!/usr/bin/env bash
# go-httpheader 0.3.1 (Go; Debian package 0.3.1-2) writes the hour of the time zone that a time has, and GMT behind it.
#
# Expected: times are written "as RFC1123("Mon, 02 Jan 2006 15:04:05 GMT") timestamps" (its documentation); GMT in a date of HTTP means that it is one
# of UTC (RFC 9110 section 5.6.7), and Go says of this layout that the time "must be in UTC" for it (net/http, TimeFormat).
# Seen: noon of Berlin, 11:00 UTC, becomes `12:00:00 GMT`, and what go-httpheader itself reads from that is an hour later. A time in UTC is written
# well, and so is one with the option `unix`.
#
# A Last-Modified from `time.Now()` or a file lies hours in the future, or in the past; a cookie or a cache lives too short or too long.
#
# Usage: findings/go-httpheader-writes-a-local-time-as-gmt.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-mozillazg-go-httpheader-dev=0.3.1-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/mozillazg/go-httpheader"
)

type fields struct {
	Modified time.Time `header:"Last-Modified"`
	Unix     time.Time `header:"X-Unix,unix"`
}

func main() {
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	for _, seen := range []struct {
		at    time.Time
		field string
		later time.Duration
	}{
		{noon.UTC(), "Sun, 29 Nov 2026 11:00:00 GMT", 0},
		{noon, "Sun, 29 Nov 2026 12:00:00 GMT", time.Hour},
	} {
		written, err := httpheader.Header(fields{seen.at, seen.at})
		if err != nil {
			panic(err)
		}
		var read fields
		if err := httpheader.Decode(written, &read); err != nil {
			panic(err)
		}
		later := read.Modified.Sub(seen.at)
		fmt.Printf("%s: Last-Modified %s, X-Unix %s; read again it is %s later\n", seen.at, written.Get("Last-Modified"), written.Get("X-Unix"), later)
		if written.Get("Last-Modified") != seen.field || later != seen.later || written.Get("X-Unix") != "1795950000" {
			panic("it differs")
		}
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
