#!/usr/bin/env bash
# nozzle/throttler 1.1 (Go; Debian package 1.1-4) has no limit any more once the limit was lowered below what is running.
#
# Expected: "SetMaxWorkers lets you change the total number of workers that can run concurrently", from when one of those that run "completes and
# Throttle() is called again" (its documentation).
# Seen: `Throttle` waits only if the number of workers is equal to the limit. With a limit of three that becomes one while two run, all 40 jobs run at
# once; without the change there are three at a time, and with a change from three to four there are four.
#
# Load is lowered for a service in trouble, and everything comes at once.
#
# Usage: findings/throttler-of-go-lets-all-through-when-its-limit-is-lowered.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-nozzle-throttler-dev=1.1-4 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/nozzle/throttler"
)

// most runs 40 jobs by threes, with another limit from the third job on, and tells how many ran at once.
func most(then int) int {
	var lock sync.Mutex
	running, highest := 0, 0
	jobs := throttler.New(3, 40)
	for i := 0; i < 40; i++ {
		if i == 2 {
			jobs.SetMaxWorkers(then)
		}
		lock.Lock()
		if running++; running > highest {
			highest = running
		}
		lock.Unlock()
		go func() {
			time.Sleep(20 * time.Millisecond)
			lock.Lock()
			running--
			lock.Unlock()
			jobs.Done(nil)
		}()
		jobs.Throttle()
	}
	return highest
}

func main() {
	for _, seen := range [][2]int{{3, 3}, {4, 4}, {1, 40}} {
		highest := most(seen[0])
		fmt.Println("a limit of 3, then of", seen[0], "- at once:", highest)
		if highest != seen[1] {
			panic("it differs")
		}
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
