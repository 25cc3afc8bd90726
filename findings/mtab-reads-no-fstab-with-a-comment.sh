#!/usr/bin/env bash
# mtab 1.0.0 (Go, artyom; Debian package 1.0.0-2) reads no /etc/fstab with a comment, with an empty line, or with a mount that leaves its last
# fields out.
#
# Expected: of `Entries`: "usually you should use `/etc/fstab` or `/proc/self/mounts` as a file name" (its documentation). In fstab, lines that
# begin with `#` and empty lines are ignored, and the fifth and sixth field are 0 if they are not there (fstab(5)).
# Seen: at the first such line the reading ends with "newline in input does not match format" or "unexpected newline", and what is behind it is not
# in the answer. A file of lines of six fields is read, with escaped blanks.
#
# Nearly each fstab begins with a comment that its installer wrote, so a program that follows the documentation fails on nearly each machine.
#
# Usage: findings/mtab-reads-no-fstab-with-a-comment.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-github-artyom-mtab-dev=1.0.0-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/artyom/mtab"
)

func check(about, text, seen string) {
	if err := os.WriteFile("fstab", []byte(text), 0o600); err != nil {
		panic(err)
	}
	entries, err := mtab.Entries("fstab")
	said := fmt.Sprint(entries, " ", err)
	fmt.Println(about+":", said)
	if said != seen {
		panic("it was " + seen)
	}
}

const (
	root = "/dev/sda1 / ext4 defaults 0 1\n"
	data = "/dev/sdb1\t/my\\040data\text4\tnoatime\t0\t2\n"
)

func main() {
	check("six fields", root+data, "[{/dev/sda1 / ext4 defaults 0 1} {/dev/sdb1 /my data ext4 noatime 0 2}] <nil>")
	check("a comment", "# a comment\n"+root+data, "[] newline in input does not match format")
	check("an empty line", root+"\n"+data, "[{/dev/sda1 / ext4 defaults 0 1}] unexpected newline")
	check("four fields", root+"proc /proc proc defaults\n"+data, "[{/dev/sda1 / ext4 defaults 0 1}] newline in input does not match format")
}
GO
"$GOROOT/bin/go" run main.go
echo "as described"
