#!/usr/bin/env bash
# tent/http-link-go (Go; Debian package 0.0~git20130702.0.ac974c6-6) refuses all links of a field for one parameter without a value, and writes titles
# that it cannot read.
#
# Expected: `link-param = token BWS [ "=" BWS ( token / quoted-string ) ]` (RFC 8288 section 3), so a parameter needs no value, as `crossorigin` has
# none in hints for preload. In a quoted string `"` and `\\` are written with a backslash before them (RFC 9110 section 5.6.4).
# Seen: `</style.css>; rel=preload; crossorigin, </2>; rel=next` is "link: malformed param", and no link is handed out. `Format` writes a title with
# quotes as `title="say "hi""`, which its own `Parse` refuses; it reads `\\"` well.
#
# Usage: findings/http-link-go-refuses-all-links-for-one-bare-parameter.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 \
    golang-github-tent-http-link-go-dev=0.0~git20130702.0.ac974c6-6 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"

	link "github.com/tent/http-link-go"
)

func main() {
	for _, seen := range []struct {
		field string
		links int
		err   string
	}{
		{`</style.css>; rel=preload; as=style, </2>; rel=next`, 2, "<nil>"},
		{`</style.css>; rel=preload; crossorigin, </2>; rel=next`, 0, "link: malformed param"},
	} {
		links, err := link.Parse(seen.field)
		fmt.Printf("%s: %d links, %v\n", seen.field, len(links), err)
		if len(links) != seen.links || fmt.Sprint(err) != seen.err {
			panic("it differs")
		}
	}
	links, err := link.Parse(`</2>; rel="next"; title="say \"hi\""`)
	if err != nil || links[0].Params["title"] != `say "hi"` {
		panic("an escaped quote was not read")
	}
	written := link.Format(links)
	_, err = link.Parse(written)
	fmt.Printf("written: %s; read again: %v\n", written, err)
	if written != `</2>; rel="next"; title="say "hi""` || err == nil {
		panic("it differs")
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
