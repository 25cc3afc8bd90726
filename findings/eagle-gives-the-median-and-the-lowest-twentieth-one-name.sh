#!/usr/bin/env bash
# eagle 0.0.2 (Go; Debian package 0.0.2-2) gives two quantiles of a summary one name: 0.05 and 0.5 are both `quantile.50`, 0.999 and 0.9999 both
# `quantile.999`.
#
# Expected: it is to "export Prometheus metrics aggregated over configured time interval", and `Flatten` is "to flatten metrics into
# map[string]float64" (its documentation), where each quantile of a summary needs a name of its own.
# Seen: a name is the quantile times 1000, cut to a whole number, without a last 0 if there are more than two digits: `50` from 50 and from 500,
# `10` from 10 and from 100, `999` from 999 and from 999.9. A summary with 0.05, 0.5 and 0.95 has two in the map, and one with 0.01, 0.1, 0.5 and
# 0.9 three. With 0.5, 0.9 and 0.99 all are there.
#
# The 5th percentile is missing without a word, and in a list that is sent to Graphite or statsd two values follow each other under one name.
#
# Usage: findings/eagle-gives-the-median-and-the-lowest-twentieth-one-name.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-fzambia-eagle-dev=0.0.2-2 \
    golang-github-prometheus-client-golang-dev=1.14.0-3 golang-github-prometheus-client-model-dev=0.3.0-3 \
    golang-github-prometheus-common-dev=0.39.0-2 golang-github-prometheus-procfs-dev=0.8.0-3 \
    golang-github-beorn7-perks-dev=1.0.1-1 golang-github-cespare-xxhash-dev=2.1.1-2 golang-protobuf-extensions-dev=1.0.1-3 \
    golang-github-golang-protobuf-1-5-dev=1.5.2-3 golang-google-protobuf-dev=1.28.1-3 golang-golang-x-sys-dev=0.3.0-1 \
    golang-golang-x-sync-dev=0.1.0-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/FZambia/eagle"
	"github.com/prometheus/client_golang/prometheus"
)

// export tells the names and values of the quantiles of a summary of 1 to 100, and how many are in the map that is made of them.
func export(quantiles ...float64) string {
	objectives := map[float64]float64{}
	for _, quantile := range quantiles {
		objectives[quantile] = 0.0001
	}
	registry := prometheus.NewRegistry()
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Namespace: "web", Subsystem: "requests", Name: "size", Objectives: objectives})
	registry.MustRegister(summary)
	for i := 1; i <= 100; i++ {
		summary.Observe(float64(i))
	}
	aggregator := eagle.New(eagle.Config{Gatherer: registry, Interval: time.Hour})
	defer aggregator.Close()
	said, err := aggregator.Export()
	if err != nil {
		panic(err)
	}
	var list []string
	for _, value := range said.Items[0].Values {
		if name := strings.TrimPrefix(value.Name, "quantile."); name != value.Name {
			list = append(list, fmt.Sprintf("%s=%v", name, value.Value))
		}
	}
	// Beside the quantiles it has a count and a sum.
	flat := said.Flatten(".")
	if flat["web.requests.size.count"] != 100 || flat["web.requests.size.sum"] != 5050 {
		panic("count or sum differ")
	}
	return fmt.Sprintf("%v, %d in the map", list, len(flat)-2)
}

func check(seen string, quantiles ...float64) {
	said := export(quantiles...)
	fmt.Println(quantiles, "are", said)
	if said != seen {
		panic("it was " + seen)
	}
}

func main() {
	check("[50=50 90=90 99=99], 3 in the map", 0.5, 0.9, 0.99)
	check("[50=5 50=50 95=95], 2 in the map", 0.05, 0.5, 0.95)
	check("[10=1 10=10 50=50 90=90], 3 in the map", 0.01, 0.1, 0.5, 0.9)
	check("[999=100 999=100], 1 in the map", 0.999, 0.9999)
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
