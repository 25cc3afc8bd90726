#!/usr/bin/env bash
# go-metrics-prometheus (Go, nbrownus; Debian package 0.0~git20210712.974a626-4) says the greatest value for each percentile.
#
# Expected: it gives the metrics of rcrowley/go-metrics to Prometheus; of a histogram and a timer there are `perc75`, `perc95`, `perc99` and
# `perc999` beside `max`. The percentile of go-metrics is asked for with a number from 0 to 1 (its reporters ask for 0.5 to 0.999).
# Seen: it is asked for with 75, 95, 99 and 99.9, which lie behind the last value, so that all four are the greatest: of the values 1 to 100
# `perc75` is 100, where go-metrics says 75.75. `mean`, `min`, `max` and `stddev` are right.
#
# One slow request raises all percentiles, and an alarm for the 75th rings for it. The test of the library compares with `Percentile(75)` itself.
#
# Usage: findings/go-metrics-prometheus-says-the-greatest-value-for-three-quarters.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-nbrownus-go-metrics-prometheus-dev=0.0~git20210712.974a626-4 \
    golang-github-rcrowley-go-metrics-dev=0.0~git20180125.8732c61-3 golang-github-prometheus-client-golang-dev=1.14.0-3 \
    golang-github-prometheus-client-model-dev=0.3.0-3 golang-github-prometheus-common-dev=0.39.0-2 golang-github-prometheus-procfs-dev=0.8.0-3 \
    golang-github-beorn7-perks-dev=1.0.1-1 golang-github-cespare-xxhash-dev=2.1.1-2 golang-protobuf-extensions-dev=1.0.1-3 \
    golang-github-golang-protobuf-1-5-dev=1.5.2-3 golang-google-protobuf-dev=1.28.1-3 golang-golang-x-sys-dev=0.3.0-1 \
    golang-golang-x-sync-dev=0.1.0-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/nbrownus/go-metrics-prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rcrowley/go-metrics"
)

func main() {
	registry, gatherer := metrics.NewRegistry(), prometheus.NewRegistry()
	histogram := metrics.NewRegisteredHistogram("bytes", registry, metrics.NewUniformSample(1000))
	timer := metrics.NewRegisteredTimer("wait", registry)
	for i := 1; i <= 100; i++ {
		histogram.Update(int64(i))
		timer.Update(time.Duration(i))
	}
	of := fmt.Sprintf("%.2f", histogram.Percentiles([]float64{0.75, 0.95, 0.99, 0.999}))
	fmt.Println("go-metrics:", of)
	if of != "[75.75 95.95 99.99 100.00]" {
		panic("it differs")
	}

	prometheusmetrics.NewPrometheusProvider(registry, "web", "server", gatherer, time.Hour).UpdatePrometheusMetricsOnce()
	families, err := gatherer.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		values := map[string]float64{}
		for _, metric := range family.GetMetric() {
			values[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
		}
		said := ""
		for _, kind := range []string{"min", "mean", "perc75", "perc95", "perc99", "perc999", "max"} {
			said += fmt.Sprintf("%s %v ", kind, values[kind])
		}
		fmt.Println(family.GetName()+":", said)
		if said != "min 1 mean 50.5 perc75 100 perc95 100 perc99 100 perc999 100 max 100 " {
			panic("it differs")
		}
	}
	if len(families) != 2 {
		panic("it differs")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
