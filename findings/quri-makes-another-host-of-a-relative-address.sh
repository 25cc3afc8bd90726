#!/usr/bin/env bash
# quri (Common Lisp; Debian package 20150804-1.1) makes another host of a relative address, takes `//host` for a path, and drops the query.
#
# Expected: "Merge a reference URI into the base URI as described in RFC 2396 Section 5.2" (its documentation): `//g` has the host g (section 3 there), and
# a fragment alone refers to the document itself. Where the base has a host and no path, a slash is put between (RFC 3986 section 5.2.3).
# Seen: `http://host` and `com` make `http://hostcom`; `http://host/a/b` and `//other` make `http://host//other`; `http://host/a/b?x=1` and `#part`, or
# nothing, make `http://host/a/b`, without `?x=1`. puri 1.5.7.2 makes the right one of each. `../c` is right in both.
#
# A crawler that follows a link of a start page asks a host for it that nobody named.
#
# Usage: findings/quri-makes-another-host-of-a-relative-address.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; SBCL is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet sbcl=2:2.2.9-1 cl-quri=20150804-1.1 cl-puri=1:1.5.7.2-1 cl-alexandria=20211025.gita67c3a6-1 \
    cl-babel=20200719.gitf892d05-2 cl-split-sequence=1:2.0.1-1 cl-trivial-features=20210228.gitf6e8dd7-2 cl-utilities=1.2.4-3.2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export SBCL_HOME=$work/package/usr/lib/sbcl XDG_CACHE_HOME=$work/cache
export CL_SOURCE_REGISTRY="(:source-registry (:tree \"$work/package/usr/share/common-lisp/source/\") :ignore-inherited-configuration)"

cat >main.lisp <<'LISP'
(require :asdf)
(let ((*standard-output* (make-broadcast-stream))
      (*error-output* (make-broadcast-stream)))
  (asdf:load-system :puri)
  (asdf:load-system :quri))

(loop for (base reference right seen) in
  '(("http://host/a/b" "../c" "http://host/c" "http://host/c")
    ("http://host" "com" "http://host/com" "http://hostcom")
    ("http://host/a/b" "//other" "http://other/" "http://host//other")
    ("http://host/a/b?x=1" "#part" "http://host/a/b?x=1#part" "http://host/a/b#part")
    ("http://host/a/b?x=1" "" "http://host/a/b?x=1" "http://host/a/b"))
  for by-puri = (princ-to-string (puri:merge-uris reference base))
  for by-quri = (quri:render-uri (quri:merge-uris (quri:uri reference) (quri:uri base)))
  do (format t "~a and '~a': puri ~a, quri ~a~%" base reference by-puri by-quri)
     (unless (and (equal by-puri right) (equal by-quri seen))
       (error "this has changed")))
LISP
package/usr/bin/sbcl --core "$SBCL_HOME/sbcl.core" --noinform --no-sysinit --no-userinit --disable-debugger --load main.lisp --quit
echo "as described"
