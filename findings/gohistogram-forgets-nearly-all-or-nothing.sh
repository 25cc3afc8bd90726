#!/usr/bin/env bash
# gohistogram 1.0.0 (Go; Debian package 1.0.0-2): a weighted histogram with the decay that its documentation computes knows the last value and nearly
# nothing else, and one whose values rise forgets nothing.
#
# Expected: a WeightedHistogram lets one "approximate quantiles with recency factored in"; "Alpha should be set to 2 / (N+1), where N represents the
# average age of the moving window": 0.0645 for 30 (its documentation). With that, a value keeps 1 - 0.0645 of its weight at each new one.
# Seen: a value keeps 0.0645 of its weight at the next one, the wrong side of the two: behind a hundred times 10 and one 5 the weight of all is 7.45,
# behind another 5 it is 2.42, and the median is 5. A value that is greater than all before it lowers none of the others: a hundred values that rise
# have the weight 100, and their median is the middle one.
#
# Latencies that get worse step by step are told too low, and one quick answer makes the median.
#
# Usage: findings/gohistogram-forgets-nearly-all-or-nothing.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-vividcortex-gohistogram-dev=1.0.0-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/VividCortex/gohistogram"
)

const alpha = 2.0 / (30 + 1)

func main() {
	histogram := gohistogram.NewWeightedHistogram(80, alpha)
	for i := 0; i < 100; i++ {
		histogram.Add(10)
	}
	for _, seen := range []string{"7.45 10", "2.42 5"} {
		histogram.Add(5)
		said := fmt.Sprintf("%.2f %v", histogram.Count(), histogram.Quantile(0.5))
		fmt.Println("a hundred times 10, then 5: weight and median", said)
		if said != seen {
			panic("it was " + seen)
		}
	}

	rising, falling := gohistogram.NewWeightedHistogram(200, alpha), gohistogram.NewWeightedHistogram(200, alpha)
	for i := 1; i <= 100; i++ {
		rising.Add(float64(i))
		falling.Add(float64(101 - i))
	}
	said := fmt.Sprintf("%.2f %v, %.2f %v", rising.Count(), rising.Quantile(0.5), falling.Count(), falling.Quantile(0.5))
	fmt.Println("1 to 100 rising and falling: weight and median", said)
	if said != "100.00 50, 1.07 1" {
		panic("it differs")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
