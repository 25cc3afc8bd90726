#!/usr/bin/env bash
# peterhellberg/link 1.0.0 (Go; Debian package 1.0.0-6) takes commas out of the addresses and titles that it reads.
#
# Expected: the target of a link is what stands between `<` and `>`, as it is, and a comma is a character of a URI (RFC 8288 section 3, RFC 3986
# section 2.2). Between parameters there may be a semicolon without a blank.
# Seen: of `<http://localhost/?ids=1,2>; rel="next"` the address is `http://localhost/?ids=12`, without an error, and the title `one, two` is `one
# two`: each comma is removed that has no quote before it. Of `;rel="next";title="x"` the title is lost. tent/http-link-go reads all of them.
#
# The next page that a client asks for is one of other things than the server meant.
#
# Usage: findings/link-of-go-takes-commas-out-of-addresses.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-peterhellberg-link-dev=1.0.0-6 \
    golang-github-tent-http-link-go-dev=0.0~git20130702.0.ac974c6-6 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/peterhellberg/link"
	other "github.com/tent/http-link-go"
)

func main() {
	for _, seen := range []struct{ field, address, title, right, rightTitle string }{
		{`<http://localhost/?page=2>; rel="next"; title="two"`, "http://localhost/?page=2", "two", "http://localhost/?page=2", "two"},
		{`<http://localhost/?ids=1,2>; rel="next"; title="two"`, "http://localhost/?ids=12", "two", "http://localhost/?ids=1,2", "two"},
		{`<http://localhost/>; rel="next"; title="one, two"`, "http://localhost/", "one two", "http://localhost/", "one, two"},
		{`<http://localhost/>;rel="next";title="x"`, "http://localhost/", "", "http://localhost/", "x"},
	} {
		read := link.Parse(seen.field)["next"]
		links, err := other.Parse(seen.field)
		if err != nil {
			panic(err)
		}
		right := links[0]
		fmt.Printf("%s\n    link: %s, title %q; http-link-go: %s, title %q\n", seen.field, read.URI, read.Extra["title"], right.URI, right.Params["title"])
		if read.URI != seen.address || read.Extra["title"] != seen.title || right.URI != seen.right || right.Params["title"] != seen.rightTitle {
			panic("it differs")
		}
	}
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
