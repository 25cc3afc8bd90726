#!/usr/bin/env bash
# Hunchentoot 1.2.38 (Common Lisp; Debian package 1.2.38-1.1) answers a range that begins behind the end of a file with `Content-Length: -100`, and 416
# to one that ends there.
#
# Expected: a range that begins behind the end cannot be satisfied: 416, with `bytes */100` (RFC 9110 sections 14.1.2, 14.4 and 15.5.17); one that ends
# behind it means the rest of the file (section 14.1.2); a length is a number of digits (section 8.6).
# Seen: of a file of 100 bytes, `bytes=200-` is 206 with `Content-Length: -100` and `Content-Range: bytes 200-99/100`, and the handler fails; `bytes=100-`
# is 206 with no bytes and `bytes 100-99/100`. `bytes=90-199` is 416, with `bytes 0-99/100`. `bytes=0-9` is right.
#
# A download that is complete and is continued all the same ends in an error of the protocol; one in parts of fixed size fails at its last.
#
# Usage: findings/hunchentoot-says-minus-100-for-a-length.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and python3; SBCL is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet sbcl=2:2.2.9-1 cl-hunchentoot=1.2.38-1.1 cl-alexandria=20211025.gita67c3a6-1 cl-base64=3.4.0-1 \
    cl-bordeaux-threads=0.8.8-5 cl-chunga=20220222.git7836609-1 cl-fad=20220110.git3f4d32d-1 cl-flexi-streams=20210728.git41af5dc-1 \
    cl-global-vars=0~20141013.gitc749f32-2 cl-md5=1:20210622.git906593f-1 cl-ppcre=20220126.gitb4056c5-1 cl-rfc2388=20130720+dfsg-1.1 \
    cl-split-sequence=1:2.0.1-1 cl-trivial-backtrace=20200511.git6eb65bd-1 cl-trivial-features=20210228.gitf6e8dd7-2 \
    cl-trivial-garbage=20211229.gitb3af9c0-1 cl-trivial-gray-streams=20210117.git2b3823e-1 cl-usocket=0.8.3-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export SBCL_HOME=$work/package/usr/lib/sbcl XDG_CACHE_HOME=$work/cache
export CL_SOURCE_REGISTRY="(:source-registry (:tree \"$work/package/usr/share/common-lisp/source/\") :ignore-inherited-configuration)"
printf '0123456789%.0s' {1..10} >file.txt

cat >server.lisp <<'LISP'
(require :asdf)
(push :hunchentoot-no-ssl *features*)
(asdf:load-system :hunchentoot)
(in-package :hunchentoot)
(setf *dispatch-table* (list (create-static-file-dispatcher-and-handler "/file.txt" "file.txt" "text/plain")))
(let ((acceptor (make-instance 'easy-acceptor :port 0 :address "127.0.0.1")))
  (start acceptor)
  (with-open-file (port "port" :direction :output)
    (format port "~d~%" (acceptor-port acceptor))))
(sleep 120)
LISP
package/usr/bin/sbcl --core "$SBCL_HOME/sbcl.core" --noinform --no-sysinit --no-userinit --disable-debugger --load server.lisp --quit >log 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s port ]]; do
    kill -0 "$server"
    sleep 0.2
done

cat >main.py <<'PYTHON'
import socket

port = int(open("port").read())
for asked, expected in (
    ("0-9", "206 10 bytes 0-9/100"),
    ("90-199", "416 55 bytes 0-99/100"),
    ("100-", "206 0 bytes 100-99/100"),
    ("200-", "206 -100 bytes 200-99/100"),
):
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(f"GET /file.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes={asked}\r\n\r\n".encode())
    stream = connection.makefile("r", newline="\r\n")
    status = stream.readline().split()[1]
    fields = dict(line.rstrip().lower().split(": ", 1) for line in iter(stream.readline, "\r\n"))
    said = f"{status} {fields['content-length']} {fields['content-range']}"
    print(f"bytes={asked}: {said}")
    assert said == expected, expected
    connection.close()
PYTHON
python3 main.py
echo "as described"
