#!/usr/bin/env bash
# httpcache (Go; Debian package 0.0~git20180305.9cad4c3-1.1) takes the max-age of a request for the life of an answer, keeps answers with `Vary: *`,
# and those to a GET behind a PUT.
#
# Expected: the max-age of a request says that "the client prefers a response whose age is less than" it; unless max-stale is there too, no stale
# response is wanted (RFC 9111 section 5.2.1.1). `Vary: *` "always fails to match" (section 4.1). A cache "MUST invalidate the target URI" behind a
# successful PUT (section 4.4).
# Seen: an answer with `max-age=1` is asked for again two seconds later; with `Cache-Control: max-age=3600` in the request it is handed out, stale by
# all rules. A second GET of an answer with `Vary: *` gets the first one. Behind a PUT to an address, a GET gets what was there before.
#
# A client that wants nothing older than an hour gets what was to live a second.
#
# Usage: findings/httpcache-of-go-lets-a-request-prolong-an-answer.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 \
    golang-github-gregjones-httpcache-dev=0.0~git20180305.9cad4c3-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gregjones/httpcache"
)

func main() {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		calls++
		control := "max-age=60"
		if request.URL.Path == "/short" {
			control = "max-age=1"
		}
		answer.Header().Set("Cache-Control", control)
		if request.URL.Path == "/vary" {
			answer.Header().Set("Vary", "*")
		}
		fmt.Fprint(answer, calls)
	}))
	client := httpcache.NewMemoryCacheTransport().Client()
	ask := func(method, path, control, seen string) {
		request, _ := http.NewRequest(method, server.URL+path, nil)
		if control != "" {
			request.Header.Set("Cache-Control", control)
		}
		answer, err := client.Do(request)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(answer.Body)
		fmt.Printf("%s %s %s: answer %s\n", method, path, control, body)
		if string(body) != seen {
			panic("it was " + seen)
		}
	}
	ask("GET", "/short", "", "1")
	time.Sleep(2100 * time.Millisecond)
	ask("GET", "/short", "max-age=3600", "1")
	ask("GET", "/short", "", "2")
	ask("GET", "/vary", "", "3")
	ask("GET", "/vary", "", "3")
	ask("GET", "/long", "", "4")
	ask("PUT", "/long", "", "5")
	ask("GET", "/long", "", "4")
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
