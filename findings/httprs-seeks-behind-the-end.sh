#!/usr/bin/env bash
# httprs (Go; Debian package 0.0~git20180614.7861a11-1.1), which makes a reader with Seek of an answer of HTTP, seeks behind the end where it is told
# to seek before it, and sends a date where there is an entity tag.
#
# Expected: io.Seeker: "SeekEnd means relative to the end (for example, offset = -2 specifies the penultimate byte of the file)", and its README and
# type say that it is one. "A client MUST NOT generate an If-Range header field containing an HTTP-date unless" it "has no entity tag for the
# corresponding representation" (RFC 9110 section 13.1.5).
# Seen: of 13,000 bytes `Seek(-5, io.SeekEnd)` is at 13,005, and the Read behind it is refused with "Invalid range"; `Seek(5, io.SeekEnd)` reads the
# last five. The request has `If-Range: Sun, 09 Sep 2001 01:46:40 GMT` though the answer had `ETag: "v1"`.
#
# The directory of a ZIP file is at its end: whoever looks for it by Seek finds an error.
#
# Usage: findings/httprs-seeks-behind-the-end.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-jfbus-httprs-dev=0.0~git20180614.7861a11-1.1 \
    golang-github-mitchellh-copystructure-dev=1.2.0-1 golang-github-mitchellh-reflectwalk-dev=1.0.1-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/jfbus/httprs"
)

func main() {
	text := bytes.Repeat([]byte("neutral text\n"), 1000)
	var asked http.Header
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		asked = request.Header
		answer.Header().Set("ETag", `"v1"`)
		http.ServeContent(answer, request, "text", time.Unix(1_000_000_000, 0), bytes.NewReader(text))
	}))
	defer server.Close()
	for _, seen := range []struct {
		offset, position int64
		last, err        string
	}{
		{-5, 13005, "", "Invalid range"},
		{5, 12995, "text\n", "<nil>"},
	} {
		whole, err := http.Get(server.URL)
		if err != nil {
			panic(err)
		}
		reader := httprs.NewHttpReadSeeker(whole)
		position, err := reader.Seek(seen.offset, io.SeekEnd)
		if err != nil {
			panic(err)
		}
		last := make([]byte, 5)
		count, err := io.ReadFull(reader, last)
		fmt.Printf("Seek(%d, io.SeekEnd) of %d: %d, then %q, %v; If-Range: %s\n", seen.offset, len(text), position, last[:count], err, asked.Get("If-Range"))
		if position != seen.position || string(last[:count]) != seen.last || fmt.Sprint(err) != seen.err {
			panic("it differs")
		}
		if asked.Get("If-Range") != "Sun, 09 Sep 2001 01:46:40 GMT" {
			panic("If-Range")
		}
		reader.Close()
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
