#!/usr/bin/env bash
# eventsource (Go; Debian package 0.0~git20210830.c590279-2): once a stream was subscribed, each redirect of the whole program carries its fields
# twice.
#
# Expected: `Subscribe` makes a stream of its own; http.DefaultClient belongs to the program. Fields are carried over a redirect by the client itself
# (net/http, Client).
# Seen: `Subscribe` puts a function into `http.DefaultClient` that adds all fields of the first request to the next one, which has them already. A GET
# of the program that is redirected sends `X-Id: 7` before, and `X-Id: 7` twice behind it, for good, also if the stream is closed. Besides, a stream's
# `retry` or `id` alone is handed out as an event, which a reader must not do where no data came (HTML, "dispatch the event").
#
# A server joins the two values with a comma, and refuses the request or takes it for another one.
#
# Usage: findings/eventsource-of-go-doubles-the-fields-of-all-redirects.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 \
    golang-github-donovanhide-eventsource-dev=0.0~git20210830.c590279-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/donovanhide/eventsource"
)

func serve(answer http.ResponseWriter, request *http.Request) {
	switch request.URL.Path {
	case "/events":
		answer.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(answer, "retry: 60000\n\nid: 1\n\ndata: text\n\n")
		answer.(http.Flusher).Flush()
		<-request.Context().Done()
	case "/old":
		http.Redirect(answer, request, "/new", http.StatusFound)
	default:
		fmt.Fprint(answer, request.Header["X-Id"])
	}
}

// ask is a request of another part of the program: it tells what the server sees of its field behind a redirect.
func ask(address string) string {
	request, _ := http.NewRequest("GET", address+"/old", nil)
	request.Header.Set("X-Id", "7")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	seen, _ := io.ReadAll(answer.Body)
	return string(seen)
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(serve))
	before := ask(server.URL)
	stream, err := eventsource.Subscribe(server.URL+"/events", "")
	if err != nil {
		panic(err)
	}
	events := ""
	for i := 0; i < 3; i++ {
		event := <-stream.Events
		events += fmt.Sprintf("%q ", event.Data())
	}
	stream.Close()
	behind := ask(server.URL)
	fmt.Println("X-Id behind a redirect before a stream:", before, "and with it closed again:", behind)
	fmt.Println("events of retry, id and data:", events)
	if before != "[7]" || behind != "[7 7]" || events != `"" "" "text" ` {
		panic("it differs")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
