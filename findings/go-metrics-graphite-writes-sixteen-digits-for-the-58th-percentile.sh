#!/usr/bin/env bash
# go-metrics-graphite (Go, cyberdelia; Debian package 0.0~git20151204.0.7e54b5c-4) writes `5799999999999999-percentile` for 0.58, and 0 for the
# least and the greatest of times in seconds.
#
# Expected: `Percentiles` are the "percentiles to export from timers and histograms", `DurationUnit` the "time conversion unit for durations" (its
# documentation). The default ones are named `50-percentile` to `999-percentile`, the percentage without its point.
# Seen: the name is of the product of 0.58 and 100, which is 57.99999999999999 in binary, without its point; so too for 0.07, 0.14, 0.28, 0.29,
# 0.55, 0.56 and 0.57. Of a time of 900 ms in seconds `mean` and all percentiles are 0.90, but `min` and `max` 0: these two are divided as whole
# numbers.
#
# A new series with such a name appears in Graphite, and a dashboard that asks for `58-percentile` stays empty; the slowest request of a server took
# 0 seconds.
#
# Usage: findings/go-metrics-graphite-writes-sixteen-digits-for-the-58th-percentile.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 \
    golang-github-cyberdelia-go-metrics-graphite-dev=0.0~git20151204.0.7e54b5c-4 \
    golang-github-rcrowley-go-metrics-dev=0.0~git20180125.8732c61-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	graphite "github.com/cyberdelia/go-metrics-graphite"
	"github.com/rcrowley/go-metrics"
)

func main() {
	registry := metrics.NewRegistry()
	metrics.NewRegisteredTimer("wait", registry).Update(900 * time.Millisecond)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	sent := make(chan error, 1)
	go func() {
		sent <- graphite.GraphiteOnce(graphite.GraphiteConfig{
			Addr: server.Addr().(*net.TCPAddr), Registry: registry, DurationUnit: time.Second, Prefix: "web",
			Percentiles: []float64{0.5, 0.07, 0.29, 0.58, 0.999},
		})
	}()
	client, err := server.Accept()
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(client)
	if err != nil {
		panic(err)
	}
	if err := <-sent; err != nil {
		panic(err)
	}
	var said []string
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 3 && !strings.Contains(fields[0], "-minute") && !strings.Contains(fields[0], "rate") {
			said = append(said, strings.TrimPrefix(fields[0], "web.wait.")+" "+fields[1])
		}
	}
	for _, line := range said {
		fmt.Println(line)
	}
	if strings.Join(said, ",") != "count 1,min 0,max 0,mean 0.90,std-dev 0.00,50-percentile 0.90,7000000000000001-percentile 0.90,"+
		"28999999999999996-percentile 0.90,5799999999999999-percentile 0.90,999-percentile 0.90" {
		panic("it differs")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
