#!/usr/bin/env bash
# http-media 0.8.0.0 (Haskell) cuts Accept and Content-Type at commas and semicolons inside quotes.
#
# Expected: the value of a parameter of a media type may be a quoted string, and a comma or a semicolon inside is part of it (RFC 9110 sections 5.6.4
# and 8.3.1).
# Seen: of `application/ld+json;profile="a,b", text/html;q=0.5` nothing is read: a piece ends inside the quotes, and with it the whole field is
# refused. A semicolon there is as bad. In the documentation `Nothing` "should indicate a 406 error", though the client takes text/html. With one
# address in the quotes the same field is read, and empty elements of the list, which are allowed (5.6.1), end it too.
#
# Usage: findings/http-media-of-haskell-loses-accept-with-a-comma-in-quotes.sh
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
    [ ("application/ld+json;profile=\"a\", text/html;q=0.5", Just "text/html")
    , ("application/ld+json;profile=\"a,b\", text/html;q=0.5", Nothing)
    , ("application/ld+json;profile=\"a;b\", text/html;q=0.5", Nothing)
    , ("text/plain,, text/html;q=0.5", Nothing)
    ] $ \(field, expected) -> do
      let chosen = matchAccept ["text/html" :: MediaType, "image/png"] (field :: ByteString)
      putStrLn (unpack field ++ ": " ++ show chosen)
      unless (chosen == expected) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
