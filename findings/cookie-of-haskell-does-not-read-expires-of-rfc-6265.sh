#!/usr/bin/env bash
# cookie 0.4.5 (Haskell) does not see `Expires` as RFC 6265 has it, nor `SameSite` in small letters.
#
# Expected: `Expires` holds a date as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 6265 section 4.1.1); a `Max-Age` below zero is long over (5.2.2). Browsers
# compare the value of `SameSite` without regard to case.
# Seen: `parseSetCookie` reads a date only with the dashes of Netscape's draft, `06-Nov-1994`, as the package writes it. With blanks
# `setCookieExpires` is `Nothing`, as if the field had none, and so is `setCookieMaxAge` for -1, and `setCookieSameSite` for `lax`.
#
# A cookie that a server ends with a date in the past is one for the whole session then, and goes on to be sent.
#
# Usage: findings/cookie-of-haskell-does-not-read-expires-of-rfc-6265.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and gcc; the Haskell compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ghc=9.0.2-4 libghc-cookie-dev=0.4.5-2+b2 libghc-data-default-class-dev=0.1.2.0-6+b4 >/dev/null
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
import Web.Cookie

main :: IO ()
main =
  forM_
    [ ("a=1; Expires=Sun, 06-Nov-1994 08:49:37 GMT", (True, False, False))
    , ("a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT", (False, False, False))
    , ("a=1; Max-Age=1; SameSite=Lax", (False, True, True))
    , ("a=1; Max-Age=-1; SameSite=lax", (False, False, False))
    ] $ \(field, expected) -> do
      let cookie = parseSetCookie (field :: ByteString)
          found = (isJust (setCookieExpires cookie), isJust (setCookieMaxAge cookie), isJust (setCookieSameSite cookie))
      putStrLn (unpack field ++ ": Expires, Max-Age, SameSite: " ++ show found)
      unless (found == expected) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
