#!/usr/bin/env bash
# snap-core 1.0.5.0 (Haskell) answers 416 to a range that begins inside a file and ends behind it, and to a suffix longer than the file.
#
# Expected: an end at or behind the length stands for "the remainder of the representation", and a file shorter than the suffix is sent as a whole
# (RFC 9110 section 14.1.2). 416 is for ranges of which nothing is there (section 15.5.17).
# Seen: for a file of 100 bytes `serveFile` answers 416 to `bytes=90-199`, to `bytes=0-199` and to `bytes=-200`. `bytes=90-99`, `bytes=90-` and
# `bytes=-10` are answered with 206.
#
# Clients that fetch a file in pieces of one size, as players of media do, do not get the last one.
#
# Usage: findings/snap-says-416-to-a-range-that-ends-behind-the-file.sh
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

import Control.Monad (forM_, unless)
import qualified Data.ByteString.Char8 as Bytes
import qualified Data.Map as Map
import Snap.Core (getHeader, rspStatus)
import Snap.Test (addHeader, get, runHandler)
import Snap.Util.FileServe (serveFile)

main :: IO ()
main = do
  Bytes.writeFile "file.txt" (Bytes.replicate 100 'a')
  forM_
    [ ("bytes=90-99", (206, Just "bytes 90-99/100"))
    , ("bytes=90-", (206, Just "bytes 90-99/100"))
    , ("bytes=-10", (206, Just "bytes 90-99/100"))
    , ("bytes=90-199", (416, Just "bytes */100"))
    , ("bytes=0-199", (416, Just "bytes */100"))
    , ("bytes=-200", (416, Just "bytes */100"))
    ] $ \(range, expected) -> do
      answer <- runHandler (get "/file.txt" Map.empty >> addHeader "Range" range) (serveFile "file.txt")
      let seen = (rspStatus answer, getHeader "Content-Range" answer)
      putStrLn (Bytes.unpack range ++ ": " ++ show seen)
      unless (seen == expected) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
