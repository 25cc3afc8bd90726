#!/usr/bin/env bash
# dataurl (Go, vincent-petithory; Debian package 0.0~git20191104.d1553a7-1.1) refuses each data URL of a font or a model, those too that it wrote
# itself.
#
# Expected: it "parses Data URL Schemes according to RFC 2397" (its documentation). There the media type is `[ type "/" subtype ]` with the
# registered types of RFC 2045, which says that new ones may be registered (section 5.1); `font` is one since RFC 8081, `model` since RFC 2077.
# Types are written in any case (RFC 2045 section 5.1).
# Seen: `data:font/woff2;base64,...`, `data:model/gltf-binary;...` and `data:TEXT/plain,a` are an "invalid media type": only text, image, audio,
# video, application, message and multipart are known, in small letters. `EncodeBytes` takes the type of a font from net/http, `font/woff2`, and
# writes what `DecodeString` refuses. Images are read.
#
# Style sheets with fonts inside them, the most frequent use of data URLs beside images, cannot be read.
#
# Usage: findings/dataurl-of-go-refuses-the-fonts-that-it-wrote.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 \
    golang-github-vincent-petithory-dataurl-dev=0.0~git20191104.d1553a7-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/vincent-petithory/dataurl"
)

func check(url, seen string) {
	read, err := dataurl.DecodeString(url)
	said := fmt.Sprint(err)
	if err == nil {
		said = fmt.Sprintf("%s %q", read.ContentType(), read.Data)
	}
	fmt.Println(url+":", said)
	if said != seen {
		panic("it was " + seen)
	}
}

func main() {
	check("data:image/png;base64,AAAA", `image/png "\x00\x00\x00"`)
	check("data:font/woff2;base64,AAAA", "invalid media type")
	check("data:model/gltf-binary;base64,AAAA", "invalid media type")
	check("data:text/plain,a", `text/plain "a"`)
	check("data:TEXT/plain,a", "invalid media type")

	if written := dataurl.EncodeBytes([]byte("GIF89a")); written != "data:image/gif;base64,R0lGODlh" {
		panic(written)
	}
	check(dataurl.EncodeBytes([]byte("GIF89a")), `image/gif "GIF89a"`)
	if written := dataurl.EncodeBytes([]byte("wOF2")); written != "data:font/woff2;base64,d09GMg==" {
		panic(written)
	}
	check(dataurl.EncodeBytes([]byte("wOF2")), "invalid media type")
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
