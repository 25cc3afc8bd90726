#!/usr/bin/env bash
# fluxline (Go, DCSO; Debian package 0.0~git20200907.78686e5-3) writes a time as a number that InfluxDB rounds, a tab as a backslash and a `t`, and
# a name with a blank as it is.
#
# Expected: it is "to prepare sets of metrics in InfluxDB's Line Protocol format" (its package). There a number is a decimal of 64 bits unless `i`
# or `u` stands behind it; in a text only quotes and backslashes are escaped; in the name of a measurement commas and blanks are (line protocol
# reference, data types and special characters).
# Seen: a time with 123456789 ns is `1700000000123456789` without `i`, of which InfluxDB keeps a decimal: 1700000000123456768. A tab is `\t`, which
# is read as the two characters, and a line end `\n`. The number 2^63, of 64 bits without a sign, has the `i` of those with one, whose greatest is
# one less. A measurement `disk usage` is two words: `disk`, and `usage,host=...` in the place of fields, so the line is refused. Numbers, texts in
# quotes and tags are right.
#
# Times come back some tens of nanoseconds off, and stack traces and commands changed.
#
# Usage: findings/fluxline-rounds-a-time-that-is-a-field.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-dcso-fluxline-dev=0.0~git20200907.78686e5-3 \
    golang-github-showmax-go-fqdn-dev=1.0.0-4 golang-github-influxdata-influxdb1-client-dev=0.0~git20220302.a9ab567-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/DCSO/fluxline"
	"github.com/influxdata/influxdb1-client/models"
)

type text struct {
	Value string `influx:"value"`
}

type at struct {
	Value time.Time `influx:"value"`
}

type count struct {
	Value uint64 `influx:"value"`
}

// check writes a measurement, and has InfluxDB's own reader of lines read it.
func check(name string, fields interface{}, seen, understood string) {
	var buffer bytes.Buffer
	if err := fluxline.NewEncoderWithHostname(&buffer, "web1").Encode(name, fields, map[string]string{"rack": "a b"}); err != nil {
		panic(err)
	}
	line := strings.TrimSuffix(buffer.String(), "\n")
	line = line[:strings.LastIndexByte(line, ' ')]
	said := ""
	points, err := models.ParsePointsString(line)
	if err != nil {
		said = "refused"
	} else if read, err := points[0].Fields(); err != nil {
		panic(err)
	} else if number, is := read["value"].(float64); is {
		said = fmt.Sprintf("%.0f", number)
	} else {
		said = fmt.Sprintf("%q", fmt.Sprint(read["value"]))
	}
	fmt.Println(line, "is read as", said)
	if line != seen || said != understood {
		panic("it was " + seen + ", " + understood)
	}
}

func main() {
	check("disk", text{`C:\x "y"`}, `disk,host=web1,rack=a\ b value="C:\\x \"y\""`, `"C:\\x \"y\""`)
	check("disk", count{5}, `disk,host=web1,rack=a\ b value=5i`, `"5"`)

	check("disk", at{time.Unix(1700000000, 123456789)}, `disk,host=web1,rack=a\ b value=1700000000123456789`, "1700000000123456768")
	check("disk", text{"a\tb"}, `disk,host=web1,rack=a\ b value="a\tb"`, `"a\\tb"`)
	check("disk", count{1 << 63}, `disk,host=web1,rack=a\ b value=9223372036854775808i`, "refused")
	check("disk usage", count{5}, `disk usage,host=web1,rack=a\ b value=5i`, "refused")
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
