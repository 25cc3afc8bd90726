#!/usr/bin/env bash
# drakma 2.0.8 (Common Lisp; Debian package 2.0.8-1) lets a cookie of one host replace that of another, sends cookies of a page to that page alone, and
# keeps those that the server ended.
#
# Expected: a cookie replaces one "with the same name, domain, host-only-flag, and path" (RFC 6265 section 5.3); without Path it is for the directory of
# the page (section 5.1.4); Max-Age=0 ends it (section 5.2.2). A cookie jar holds the cookies of all requests that are made with it (its documentation).
# Seen: cookies are the same to it if name and path are. Behind `session=1` of 127.0.0.1 and `session=2` of localhost, the jar has one cookie, and
# 127.0.0.1 gets none. A cookie that /account/login sets goes to /account/login, not to /account/orders. `Max-Age=0` is not read.
#
# A program that talks to two servers is logged out of one by the other.
#
# Usage: findings/drakma-keeps-one-cookie-for-two-hosts.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and python3; SBCL is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet sbcl=2:2.2.9-1 cl-drakma=2.0.8-1 cl-puri=1:1.5.7.2-1 cl-base64=3.4.0-1 cl-chunga=20220222.git7836609-1 \
    cl-flexi-streams=20210728.git41af5dc-1 cl-ppcre=20220126.gitb4056c5-1 cl-chipz=20220213.git82a17d3-1 cl-usocket=0.8.3-2 \
    cl-trivial-gray-streams=20210117.git2b3823e-1 cl-split-sequence=1:2.0.1-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export SBCL_HOME=$work/package/usr/lib/sbcl XDG_CACHE_HOME=$work/cache
export CL_SOURCE_REGISTRY="(:source-registry (:tree \"$work/package/usr/share/common-lisp/source/\") :ignore-inherited-configuration)"

cat >server.py <<'PYTHON'
import http.server

COOKIES = {"/one": "session=1; Path=/", "/two": "session=2; Path=/", "/account/login": "user=3", "/logout": "user=3; Path=/; Max-Age=0"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (self.headers["Cookie"] or "nothing").encode()
        self.send_response(200)
        if self.path in COOKIES:
            self.send_header("Set-Cookie", COOKIES[self.path])
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON
python3 server.py >port &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done

cat >main.lisp <<'LISP'
(require :asdf)
(push :drakma-no-ssl *features*)
(let ((*standard-output* (make-broadcast-stream))
      (*error-output* (make-broadcast-stream)))
  (asdf:load-system :drakma))

(defvar *port* (with-open-file (file "port") (read file)))

(defun asked (jar host path)
  (drakma:http-request (format nil "http://~a:~a~a" host *port* path) :cookie-jar jar :close t))

(defun seen (what said expected)
  (format t "~a: ~a~%" what said)
  (unless (equal said expected) (error "it was ~a" expected)))

(let ((jar (make-instance 'drakma:cookie-jar)))
  (asked jar "127.0.0.1" "/one")
  (seen "127.0.0.1 behind its login" (asked jar "127.0.0.1" "/") "session=1")
  (asked jar "localhost" "/two")
  (seen "localhost behind its login" (asked jar "localhost" "/") "session=2")
  (seen "127.0.0.1 behind that" (asked jar "127.0.0.1" "/") "nothing"))
(let ((jar (make-instance 'drakma:cookie-jar)))
  (asked jar "127.0.0.1" "/account/login")
  (seen "/account/login" (asked jar "127.0.0.1" "/account/login") "user=3")
  (seen "/account/orders" (asked jar "127.0.0.1" "/account/orders") "nothing")
  (asked jar "127.0.0.1" "/logout")
  (seen "behind Max-Age=0" (asked jar "127.0.0.1" "/") "user=3"))
LISP
package/usr/bin/sbcl --core "$SBCL_HOME/sbcl.core" --noinform --no-sysinit --no-userinit --disable-debugger --load main.lisp --quit
echo "as described"
