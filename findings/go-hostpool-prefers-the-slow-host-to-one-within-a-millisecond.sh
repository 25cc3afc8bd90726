#!/usr/bin/env bash
# go-hostpool (Go; Debian package 0.0~git20160125.0.e80d13c-1.1), the epsilon greedy pool, gives nearly all requests to the slow host if the other one
# answers within a millisecond.
#
# Expected: it learns "about 'better' options in terms of speed"; "this gives a weighted request rate to better performing hosts" (its documentation).
# Seen: times are kept in whole milliseconds, and a host whose average is 0 is not among those to choose from: only the rounds that explore reach it.
# Of a thousand requests to a host that answers at once and one that takes 5 ms, more than 900 go to the second. With 2 ms and 5 ms the quicker one
# gets about seven in ten.
#
# A pool of servers in one rack sends its load to the one that is in trouble.
#
# Usage: findings/go-hostpool-prefers-the-slow-host-to-one-within-a-millisecond.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 \
    golang-github-hailocab-go-hostpool-dev=0.0~git20160125.0.e80d13c-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/hailocab/go-hostpool"
)

// slowShare asks a thousand times, and tells how many of these the host with 5 ms got.
func slowShare(quick time.Duration) int {
	pool := hostpool.NewEpsilonGreedy([]string{"quick", "slow"}, 0, &hostpool.LinearEpsilonValueCalculator{})
	defer pool.Close()
	share := 0
	for i := 0; i < 1000; i++ {
		response := pool.Get()
		takes := quick
		if response.Host() == "slow" {
			takes = 5 * time.Millisecond
			share++
		}
		for began := time.Now(); time.Since(began) < takes; {
		}
		response.Mark(nil)
	}
	return share
}

func main() {
	two, none := slowShare(2*time.Millisecond), slowShare(0)
	fmt.Println("requests of 1000 to the host with 5 ms: beside 2 ms", two, "and beside none", none)
	if two > 450 || none < 900 {
		panic("it differs")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
