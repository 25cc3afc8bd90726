#!/usr/bin/env bash
# tachymeter 2.0.0 (Go; Debian package 2.0.0-3) puts a time into the bin behind that of the time before it, however much later it is.
#
# Expected: a histogram counts "events that fall within the low-high time duration range", in `HBins` bins of `HistogramBinSize` (its
# documentation): of nine times of 1 ms and one of 101 ms, in ten bins of 10 ms, the last is in the tenth bin, 91 to 101 ms.
# Seen: it is in the second, `11ms - 21ms`, and there are no more. The search for a bin goes on by one bin for each time and does not ask whether
# the time falls within that. Behind a gap of k bins, k times are needed before one is counted rightly. Times without a gap are right, as are the
# percentiles.
#
# Latencies have gaps: the slow ones, for which one looks at a histogram, are shown as nearly fast.
#
# Usage: findings/tachymeter-puts-a-late-time-into-the-bin-behind-the-early-ones.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-jamiealquiza-tachymeter-dev=2.0.0-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/jamiealquiza/tachymeter"
)

// bins records times, in milliseconds, and tells what is said of them.
func bins(times ...int) string {
	meter := tachymeter.New(&tachymeter.Config{Size: len(times), HBins: 10})
	for _, one := range times {
		meter.AddTime(time.Duration(one) * time.Millisecond)
	}
	said := meter.Calc()
	return fmt.Sprintf("longest %v, bins of %v: %v", said.Time.Max, said.HistogramBinSize, *said.Histogram)
}

func check(said, seen string) {
	fmt.Println(said)
	if said != seen {
		panic("it was " + seen)
	}
}

func main() {
	check(bins(1, 1, 1, 1, 1, 1, 1, 1, 1, 101), "longest 101ms, bins of 10ms: [map[1ms - 11ms:9] map[11ms - 21ms:1]]")
	check(bins(1, 1, 1, 101, 101, 101), "longest 101ms, bins of 10ms: [map[1ms - 11ms:3] map[11ms - 21ms:1] map[21ms - 31ms:1] map[31ms - 41ms:1]]")
	check(bins(1, 6, 16, 26, 36, 46, 56, 66, 76, 86, 96, 101), "longest 101ms, bins of 10ms: [map[1ms - 11ms:2] map[11ms - 21ms:1] "+
		"map[21ms - 31ms:1] map[31ms - 41ms:1] map[41ms - 51ms:1] map[51ms - 61ms:1] map[61ms - 71ms:1] map[71ms - 81ms:1] map[81ms - 91ms:1] "+
		"map[91ms - 101ms:2]]")
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
