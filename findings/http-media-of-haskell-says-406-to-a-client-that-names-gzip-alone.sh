#!/usr/bin/env bash
# http-media 0.8.0.0 (Haskell) finds no coding for a client that takes gzip, where the server has none but `identity`.
#
# Expected: an answer without a coding is acceptable unless `identity;q=0` is there, or `*;q=0` with no other word on identity (RFC 9110 section
# 12.5.3). The documentation of `mapAcceptEncoding` offers `identity` as one of two, with `id` as what it does, and answers 406 when nothing matched;
# that of `Encoding` refers to RFC 7231, where the same is said.
# Seen: for `gzip`, `gzip, br` and `gzip;q=0` the choice among `compress` and `identity` is `Nothing`, so 406. With `identity`, `*` or
# `identity;q=0.1` in the field it is found.
#
# No browser names identity: with the program of the documentation all of them get 406.
#
# Usage: findings/http-media-of-haskell-says-406-to-a-client-that-names-gzip-alone.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and gcc; the Haskell compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ghc=9.0.2-4 libghc-http-media-dev=0.8.0.0-3+b1 libghc-case-insensitive-dev=1.2.1.0-3+b2 \
    libghc-hashable-dev=1.3.5.0-2+b3 libghc-utf8-string-dev=1.0.2-1+b2 >/dev/null
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
import Data.ByteString.Char8 (ByteString, unpack)
import Network.HTTP.Media

main :: IO ()
main =
  forM_
    [ ("gzip", Nothing)
    , ("gzip, deflate, br, zstd", Nothing)
    , ("gzip;q=0", Nothing)
    , ("gzip, identity;q=0.1", Just "identity")
    , ("gzip, *;q=0.1", Just "compress")
    , ("identity;q=0", Nothing)
    ] $ \(field, expected) -> do
      let chosen = mapAcceptEncoding [("compress", "compress" :: String), ("identity", "identity")] (field :: ByteString)
      putStrLn (unpack field ++ ": " ++ show chosen)
      unless (chosen == expected) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
