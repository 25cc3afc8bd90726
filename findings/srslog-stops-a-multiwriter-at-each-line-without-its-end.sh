#!/usr/bin/env bash
# srslog (Go, RackSec; Debian package 0.0~git20180709.a4725f0-2) says that it wrote one byte more than it was given, and a MultiWriter stops there.
#
# Expected: "basic usage retains the same interface as the original `syslog` package" (README). A writer says how many bytes "from p" it wrote, 0 to
# len(p) (documentation of io.Writer), and its source says that it returns the length of the input because of that.
# Seen: a line end is put behind a message that has none, and counted: `Write` of `abc` says 4. io.MultiWriter takes that for a short write: the
# writers behind it get nothing, and the caller an error. log/syslog says 3, and all writers are served. With a line end at its end a message is
# right.
#
# A program that logs to syslog and a file at once loses those lines in the file, with the example of the README, `w.Write([]byte("these are some
# bytes"))`.
#
# Usage: findings/srslog-stops-a-multiwriter-at-each-line-without-its-end.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-racksec-srslog-dev=0.0~git20180709.a4725f0-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"io"
	"log/syslog"
	"net"

	"github.com/RackSec/srslog"
)

func check(about string, writer io.Writer, message, seen string) {
	alone, err := writer.Write([]byte(message))
	if err != nil {
		panic(err)
	}
	var file bytes.Buffer
	both, err := io.MultiWriter(writer, &file).Write([]byte(message))
	said := fmt.Sprintf("%d alone, %d beside a file that has %q, %v", alone, both, file.String(), err)
	fmt.Printf("%s, %q: %s\n", about, message, said)
	if said != seen {
		panic("it was " + seen)
	}
}

func main() {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	standard, err := syslog.Dial("udp", server.LocalAddr().String(), syslog.LOG_INFO, "web")
	if err != nil {
		panic(err)
	}
	other, err := srslog.Dial("udp", server.LocalAddr().String(), srslog.LOG_INFO, "web")
	if err != nil {
		panic(err)
	}
	check("log/syslog", standard, "abc", `3 alone, 3 beside a file that has "abc", <nil>`)
	check("srslog", other, "abc\n", `4 alone, 4 beside a file that has "abc\n", <nil>`)
	check("srslog", other, "abc", `4 alone, 4 beside a file that has "", short write`)
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
