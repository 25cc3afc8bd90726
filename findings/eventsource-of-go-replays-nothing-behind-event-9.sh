#!/usr/bin/env bash
# eventsource (Go; Debian package 0.0~git20210830.c590279-2): its repository of past events puts 10 before 2, and hands out again what a client has.
#
# Expected: a repository replays the events that follow the one that a client names, which sends the id of "the last event" that it has (HTML,
# Last-Event-ID); ids are counted up by most senders.
# Seen: `SliceRepository` keeps events in the order of their ids as texts. Of the events 1 to 12 one who has seen 9 gets 9 again, and not 10, 11 and
# 12; one who has seen 1 gets 1, 10, 11, 12, 2 and so on. With ids of two digits the order is right, and the one that the client has comes first.
#
# A client whose connection breaks behind the ninth event misses all that follow, and nothing tells.
#
# Usage: findings/eventsource-of-go-replays-nothing-behind-event-9.sh
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
	"strings"

	"github.com/donovanhide/eventsource"
)

type event string

func (e event) Id() string    { return string(e) }
func (e event) Event() string { return "" }
func (e event) Data() string  { return "text" }

// replay tells which of twelve events with ids in this form are handed out to a client that has seen one of them.
func replay(form string, last int) string {
	repository := eventsource.NewSliceRepository()
	for i := 1; i <= 12; i++ {
		repository.Add("news", event(fmt.Sprintf(form, i)))
	}
	var ids []string
	for past := range repository.Replay("news", fmt.Sprintf(form, last)) {
		ids = append(ids, past.Id())
	}
	return strings.Join(ids, " ")
}

func main() {
	for _, seen := range []struct {
		form   string
		last   int
		events string
	}{
		{"%02d", 9, "09 10 11 12"},
		{"%d", 9, "9"},
		{"%d", 1, "1 10 11 12 2 3 4 5 6 7 8 9"},
	} {
		events := replay(seen.form, seen.last)
		fmt.Printf("of 1 to 12 behind %s: %s\n", fmt.Sprintf(seen.form, seen.last), events)
		if events != seen.events {
			panic("it differs")
		}
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
