#!/usr/bin/env bash
# snap-core 1.0.5.0 (Haskell) compresses for a client that refuses gzip, and tells caches only then that the answer depends on it.
#
# Expected: a weight of 0 means "not acceptable", a coding is a name without regard to case (RFC 9110 sections 8.4.1, 12.4.2 and 12.5.3); `Vary`
# belongs to each answer that might have been another with other fields (section 12.5.5). `withCompression` compresses "if the client has indicated
# support for gzip or deflate".
# Seen: for `gzip;q=0` and for `gzip;q=0, deflate` the answer is in gzip. For `GZIP` it is not compressed. `Vary: Accept-Encoding` is there with
# compressed answers alone.
#
# A cache that got the plain answer first has no reason to think that there is another, and gives that to all.
#
# Usage: findings/snap-compresses-for-a-client-that-refused-gzip.sh
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
import Snap.Core (getHeader, modifyResponse, setContentType, writeBS)
import Snap.Test (addHeader, get, runHandler)
import Snap.Util.GZip (withCompression)

main :: IO ()
main =
  forM_
    [ ("gzip", (Just "gzip", Just "Accept-Encoding"))
    , ("gzip;q=0", (Just "gzip", Just "Accept-Encoding"))
    , ("gzip;q=0, deflate", (Just "gzip", Just "Accept-Encoding"))
    , ("GZIP", (Nothing, Nothing))
    , ("identity", (Nothing, Nothing))
    ] $ \(accept, expected) -> do
      answer <-
        runHandler (get "/" Map.empty >> addHeader "Accept-Encoding" accept) $
          withCompression (modifyResponse (setContentType "text/plain") >> writeBS "text")
      let seen = (getHeader "Content-Encoding" answer, getHeader "Vary" answer)
      putStrLn (Bytes.unpack accept ++ ": " ++ show seen)
      unless (seen == expected) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
