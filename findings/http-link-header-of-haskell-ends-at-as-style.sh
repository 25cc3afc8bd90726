#!/usr/bin/env bash
# http-link-header 1.2.1 (Haskell) reads a field Link up to the first parameter that it does not like, and says nothing about the rest.
#
# Expected: a parameter may be a token, as `as=style`, or have no value, as `crossorigin`; its name is in letters of any case (RFC 8288 section 3, and
# RFC 5988 section 5 for the first two). The package calls itself more liberal than the RFC.
# Seen: `parseLinkHeader` ends at `as=style` (`as="style"` is read), at `media=print`, at `crossorigin` and at `REL=`: what stands in front of it is
# the result, in `Just`. The rest of the parameters and all links behind them are gone, a `rel` or a next page with them.
#
# A list of links to preload, as servers send them, comes out as one link, or as one without a relation.
#
# Usage: findings/http-link-header-of-haskell-ends-at-as-style.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and gcc; the Haskell compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ghc=9.0.2-4 libghc-http-link-header-dev=1.2.1-1+b2 libghc-attoparsec-dev=0.14.4-2+b1 \
    libghc-attoparsec-iso8601-dev=1.0.2.1-1+b2 libghc-base-compat-batteries-dev=0.11.2-1+b3 libghc-base-compat-dev=0.11.2-1+b3 \
    libghc-base-orphans-dev=0.8.7-1 libghc-case-insensitive-dev=1.2.1.0-3+b2 libghc-cookie-dev=0.4.5-2+b2 \
    libghc-data-default-class-dev=0.1.2.0-6+b4 libghc-errors-dev=2.3.0-4+b3 libghc-hashable-dev=1.3.5.0-2+b3 \
    libghc-http-api-data-dev=0.4.3-1+b2 libghc-http-types-dev=0.12.3-5+b1 libghc-integer-logarithms-dev=1.0.3.1-2+b1 \
    libghc-network-uri-dev=2.6.4.1-1+b2 libghc-primitive-dev=0.7.3.0-1+b3 libghc-random-dev=1.2.1.1-2+b3 libghc-safe-dev=0.3.19-2+b2 \
    libghc-scientific-dev=0.3.7.0-1+b2 libghc-splitmix-dev=0.1.0.4-1+b3 libghc-tagged-dev=0.8.6.1-1+b3 libghc-th-compat-dev=0.1.4-1 \
    libghc-time-compat-dev=1.9.6.1-1+b3 libghc-transformers-compat-dev=0.6.6-1+b3 libghc-unordered-containers-dev=0.2.17.0-2+b2 \
    libghc-uuid-types-dev=1.0.5-2+b1 >/dev/null
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
import Data.Text (Text, unpack)
import Network.HTTP.Link
import Network.URI (URI)

main :: IO ()
main =
  forM_
    [ ("</a>; rel=preload; as=\"style\", </b>; rel=next", "Just [Link /a [(Rel,\"preload\"),(Other \"as\",\"style\")],Link /b [(Rel,\"next\")]]")
    , ("</a>; rel=preload; as=style, </b>; rel=next", "Just [Link /a [(Rel,\"preload\")]]")
    , ("</a>; as=style; rel=preload, </b>; rel=next", "Just [Link /a []]")
    , ("</a>; media=print; rel=preload", "Just [Link /a []]")
    , ("</a>; crossorigin; rel=preload, </b>; rel=next", "Just [Link /a []]")
    , ("</a>; REL=preload, </b>; rel=next", "Just [Link /a []]")
    ] $ \(field, expected) -> do
      let links = show (parseLinkHeader (field :: Text) :: Maybe [Link URI])
      putStrLn (unpack field ++ ": " ++ links)
      unless (links == expected) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
