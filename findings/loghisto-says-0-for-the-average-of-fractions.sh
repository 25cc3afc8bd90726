#!/usr/bin/env bash
# loghisto (Go; Debian package 0.0~git20150819.0.3233097-2) says 0 for the average of all intervals if the values are below one, and cuts their sum.
#
# Expected: of a histogram `_agg_avg`, `_agg_count` and `_agg_sum` are the average, count and sum since the beginning, as `_avg`, `_count` and `_sum`
# are those of the interval (README).
# Seen: the sum of an interval is cut to a whole number before it is added, and the average is a division of whole numbers: four times 0.7 have the
# sum 2 and the average 0, where the interval says 2.8 and 0.7; four times 1.9 have 7 and 1. In nanoseconds, which its timers use, it does not show.
#
# Seconds, as of a latency in the unit that Prometheus asks for, stay at 0 for ever.
#
# Usage: findings/loghisto-says-0-for-the-average-of-fractions.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 \
    golang-github-spacejam-loghisto-dev=0.0~git20150819.0.3233097-2 golang-glog-dev=0.0~git20160126.23def4e-5 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/spacejam/loghisto"
)

// measure records a value four times in one interval, and tells what is said of that.
func measure(value float64) string {
	system := loghisto.NewMetricSystem(50*time.Millisecond, false)
	sets := make(chan *loghisto.ProcessedMetricSet, 8)
	for i := 0; i < 4; i++ {
		system.Histogram("seconds", value)
	}
	system.SubscribeToProcessedMetrics(sets)
	system.Start()
	defer system.Stop()
	said := (<-sets).Metrics
	return fmt.Sprintf("sum %.1f avg %.1f, agg_count %v agg_sum %v agg_avg %v",
		said["seconds_sum"], said["seconds_avg"], said["seconds_agg_count"], said["seconds_agg_sum"], said["seconds_agg_avg"])
}

func main() {
	for value, seen := range map[float64]string{
		0.7: "sum 2.8 avg 0.7, agg_count 4 agg_sum 2 agg_avg 0",
		1.9: "sum 7.5 avg 1.9, agg_count 4 agg_sum 7 agg_avg 1",
	} {
		said := measure(value)
		fmt.Println("four times", value, "has", said)
		if said != seen {
			panic("it was " + seen)
		}
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
