#!/usr/bin/env bash
# systemd (Go, blitiri.com.ar; Debian package 1.1.0-1) gives no listener by its name if a datagram socket is passed too.
#
# Expected: `OneListener` gives "the first systemd socket with the given name", with an error "only if there were issues parsing the file
# descriptors", and `Files` is there "if you need to create packet connections" (its documentation): sockets of both kinds may be passed. A unit may
# have ListenStream= and ListenDatagram= (systemd.socket(5)).
# Seen: with a stream socket `web` and a datagram socket `dns`, `OneListener("web")` and `Listen("tcp", "&web")` give nil and "Error making listener
# out of fd 4". What went wrong with any socket is the answer for each. `Listeners()` has the listener of `web` beside the same error. With `web`
# alone, or two stream sockets, all is well, and `Files()` has both sockets.
#
# A server of DNS or HTTP/3, which takes TCP and UDP, cannot be started by its socket units.
#
# Usage: findings/systemd-of-blitiri-gives-no-listener-beside-a-datagram-socket.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; the Go compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet golang-1.19-go=1.19.8-2 golang-1.19-src=1.19.8-2 golang-blitiri-go-systemd-dev=1.1.0-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export GOROOT=$work/package/usr/lib/go-1.19 GOPATH=$work/package/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off

cat >main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"

	"blitiri.com.ar/go/systemd"
)

// tell says what the library makes of the sockets that were passed to this process.
func tell() {
	one, errOne := systemd.OneListener("web")
	listen, errListen := systemd.Listen("tcp", "&web")
	all, errAll := systemd.Listeners()
	files, errFiles := systemd.Files()
	fmt.Printf("OneListener %v %v, Listen %v %v, Listeners %d %v, Files %d %d %v", one != nil, errOne != nil, listen != nil, errListen != nil,
		len(all["web"]), errAll != nil, len(files["web"]), len(files["dns"]), errFiles)
	if errOne != nil {
		fmt.Fprintln(os.Stderr, errOne)
	}
}

// pass starts this program with sockets, as systemd does.
func pass(names string, sockets ...interface{ File() (*os.File, error) }) string {
	child := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" child`, os.Args[0])
	child.Env = append(os.Environ(), "LISTEN_FDNAMES="+names, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)))
	child.Stderr = os.Stderr
	for _, socket := range sockets {
		file, err := socket.File()
		if err != nil {
			panic(err)
		}
		child.ExtraFiles = append(child.ExtraFiles, file)
	}
	said, err := child.Output()
	if err != nil {
		panic(err)
	}
	return string(said)
}

func check(about, said, seen string) {
	fmt.Println(about+":", said)
	if said != seen {
		panic("it was " + seen)
	}
}

func main() {
	if len(os.Args) > 1 {
		tell()
		return
	}
	stream, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	datagram, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	check("a stream socket", pass("web", stream),
		"OneListener true false, Listen true false, Listeners 1 false, Files 1 0 <nil>")
	check("two", pass("web:dns", stream, stream),
		"OneListener true false, Listen true false, Listeners 1 false, Files 1 1 <nil>")
	check("a stream and a datagram socket", pass("web:dns", stream, datagram),
		"OneListener false true, Listen false true, Listeners 1 true, Files 1 1 <nil>")
}
GO
"$GOROOT/bin/go" build -o main main.go
./main
echo "as described"
