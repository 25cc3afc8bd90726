#!/usr/bin/env bash
# http-media 0.8.0.0 (Haskell) refuses languages with a part of digits, and with them the whole of Accept-Language.
#
# Expected: the parts behind the first may hold digits: `es-419`, `de-1996` (RFC 4647 section 2.1). The documentation of `Language` has this rule, and
# the list of changes says for 0.8.0.0 that digits are permitted behind the first part.
# Seen: `es-419`, `en-001` and `de-1996` are not read, since each part has to begin with a letter; `de-a1` is read, and so is `a1-b`, which the rule
# does not have. `mapAcceptLanguage` finds nothing in `es-419, es;q=0.9, en;q=0.8`, which by its documentation is answered with 406.
#
# Browsers set to the Spanish of Latin America send that field.
#
# Usage: findings/http-media-of-haskell-refuses-es-419.sh
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
import Data.Maybe (isJust)
import Network.HTTP.Media

check :: String -> Bool -> IO ()
check text right = putStrLn text >> unless right (fail "this has changed")

main :: IO ()
main = do
  forM_ [("es", True), ("es-MX", True), ("es-419", False), ("en-001", False), ("de-1996", False), ("de-a1", True), ("a1-b", True)] $
    \(range, readable) -> do
      let language = parseAccept range :: Maybe Language
      check (unpack range ++ ": " ++ show language) (isJust language == readable)
  forM_ [("es-MX, es;q=0.9, en;q=0.8", Just "Spanish"), ("es-419, es;q=0.9, en;q=0.8", Nothing)] $ \(field, expected) -> do
    let chosen = mapAcceptLanguage [("en", "English" :: String), ("es", "Spanish")] field
    check (unpack field ++ ": " ++ show chosen) (chosen == expected)
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
