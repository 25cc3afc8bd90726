#!/usr/bin/env bash
# gziphandler 1.1.1 (Go; Debian package 1.1.1-1) compresses the part of a file that a 206 carries.
#
# Expected: the positions of a Content-Range are those of the selected representation, and a Content-Encoding is a property of that representation
# (RFC 9110 sections 14.4 and 8.4): the bytes of a part are a part of the bytes of the whole.
# Seen: around http.ServeContent, a GET for `bytes=0-4999` with `Accept-Encoding: gzip` is answered with 206, `Content-Range: bytes 0-4999/13000`,
# `Content-Encoding: gzip` and 65 bytes, a gzip file of its own. Without Accept-Encoding there are 5,000 bytes, and parts of less than 1,400 bytes are
# left alone.
#
# A download that is taken up again puts a gzip file behind the bytes that it has.
#
# Usage: findings/gziphandler-compresses-a-part-of-a-file.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-nytimes-gziphandler-dev=1.1.1-1 >/dev/null
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

	"github.com/NYTimes/gziphandler"
)

func main() {
	text := bytes.Repeat([]byte("neutral text\n"), 1000)
	file := http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		http.ServeContent(answer, request, "text.txt", time.Unix(1_000_000_000, 0), bytes.NewReader(text))
	})
	server := httptest.NewServer(gziphandler.GzipHandler(file))
	for _, seen := range []struct {
		part, accept, said string
		bytes              int
	}{
		{"bytes=0-4999", "identity", "206 bytes 0-4999/13000 ''", 5000},
		{"bytes=0-999", "gzip", "206 bytes 0-999/13000 ''", 1000},
		{"bytes=0-4999", "gzip", "206 bytes 0-4999/13000 'gzip'", 65},
	} {
		request, _ := http.NewRequest("GET", server.URL, nil)
		request.Header.Set("Range", seen.part)
		request.Header.Set("Accept-Encoding", seen.accept)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(answer.Body)
		said := fmt.Sprintf("%d %s '%s'", answer.StatusCode, answer.Header.Get("Content-Range"), answer.Header.Get("Content-Encoding"))
		fmt.Printf("%s, %s: %s, %d bytes\n", seen.part, seen.accept, said, len(body))
		if said != seen.said || len(body) != seen.bytes {
			panic("it differs")
		}
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
