#!/usr/bin/env bash
# snap-core 1.0.5.0 (Haskell): its compression and its parts of files together send parts that do not fit together.
#
# Expected: the bytes of a range are counted in the selected representation, coding included (RFC 9110 sections 8.4 and 14.1.2), so with gzip they are
# bytes of the compressed file, and `Content-Range` has its length. `withCompression` compresses the output of a handler, as one that serves files.
# Seen: with `Accept-Encoding: gzip` and `Range: bytes=0-9` it takes ten bytes of the file itself and compresses those: 206, `Content-Encoding: gzip`,
# and `Content-Range: bytes 0-9/100`, in front of some thirty bytes. A part that is asked for without gzip has the same `Last-Modified`.
#
# A download of the compressed file that was broken off is continued with something else; for the user its end is damaged.
#
# Usage: findings/snap-compresses-a-part-of-a-file.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and gcc; the Haskell compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ghc=9.0.2-4 libghc-attoparsec-dev=0.14.4-2+b1 libghc-base-orphans-dev=0.8.7-1 \
    libghc-call-stack-dev=0.4.0-1+b3 libghc-case-insensitive-dev=1.2.1.0-3+b2 libghc-hashable-dev=1.3.5.0-2+b3 \
    libghc-hunit-dev=1.6.2.0-1+b3 libghc-integer-logarithms-dev=1.0.3.1-2+b1 libghc-io-streams-dev=1.5.2.2-1 \
    libghc-lifted-base-dev=0.2.3.12-4+b3 libghc-monad-control-dev=1.0.3.1-1+b3 libghc-network-dev=3.1.2.7-1+b3 \
    libghc-network-uri-dev=2.6.4.1-1+b2 libghc-old-locale-dev=1.0.0.7-10+b3 libghc-primitive-dev=0.7.3.0-1+b3 \
    libghc-random-dev=1.2.1.1-2+b3 libghc-readable-dev=0.3.1-8+b2 libghc-regex-base-dev=0.94.0.2-1+b3 \
    libghc-regex-posix-dev=0.96.0.1-1+b3 libghc-scientific-dev=0.3.7.0-1+b2 libghc-snap-core-dev=1.0.5.0-1+b2 \
    libghc-splitmix-dev=0.1.0.4-1+b3 libghc-th-compat-dev=0.1.4-1 libghc-transformers-base-dev=0.4.6-1+b4 \
    libghc-transformers-compat-dev=0.6.6-1+b3 libghc-unix-compat-dev=0.5.4-1+b2 libghc-unordered-containers-dev=0.2.17.0-2+b2 \
    libghc-vector-dev=0.12.3.1-1+b2 libghc-zlib-bindings-dev=0.1.1.5-11+b2 libghc-zlib-dev=0.6.3.0-1+b3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib/ghc
database=$work/package/var/lib/ghc/package.conf.d
sed -i "s#\([ :]\)/usr/#\1$work/package/usr/#" "$database"/*.conf
rm "$lib/package.conf.d"
mv "$database" "$lib/package.conf.d"
"$lib/bin/ghc-pkg" --global-package-db "$lib/package.conf.d" recache

cat >main.hs <<'HASKELL'
{-# LANGUAGE OverloadedStrings #-}

import qualified Codec.Compression.GZip as GZip
import Control.Monad (unless)
import qualified Data.ByteString.Char8 as Bytes
import qualified Data.ByteString.Lazy.Char8 as Lazy
import qualified Data.Map as Map
import Snap.Core (getHeader, rspStatus)
import Snap.Test (addHeader, get, getResponseBody, runHandler)
import Snap.Util.FileServe (serveFile)
import Snap.Util.GZip (withCompression)

main :: IO ()
main = do
  Bytes.writeFile "file.txt" (Bytes.concat (replicate 10 "0123456789"))
  answer <-
    runHandler
      (get "/file.txt" Map.empty >> addHeader "Accept-Encoding" "gzip" >> addHeader "Range" "bytes=0-9")
      (withCompression (serveFile "file.txt"))
  body <- getResponseBody answer
  let seen = (rspStatus answer, getHeader "Content-Encoding" answer, getHeader "Content-Range" answer)
      content = GZip.decompress (Lazy.fromStrict body)
  print (seen, Bytes.length body, content)
  unless (seen == (206, Just "gzip", Just "bytes 0-9/100")) $ fail "this has changed"
  unless (Bytes.length body > 10 && content == "0123456789") $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
