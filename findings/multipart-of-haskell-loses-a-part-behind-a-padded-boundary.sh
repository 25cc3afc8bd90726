#!/usr/bin/env bash
# multipart 0.2.1 (Haskell) drops the part behind a line of the boundary that ends with blanks.
#
# Expected: blanks and tabs behind the boundary are padding that a reader takes no notice of (RFC 2046 section 5.1.1, `transport-padding`: "receivers
# MUST be able to handle padding").
# Seen: of `--x`, one, `--x` with a blank, two, `--x` with a tab, three, `--x--`, `parseMultipartBody` gives the first part alone, without an error;
# all of them are there without the padding.
#
# Usage: findings/multipart-of-haskell-loses-a-part-behind-a-padded-boundary.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and gcc; the Haskell compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ghc=9.0.2-4 libghc-multipart-dev=0.2.1-1+b2 libghc-stringsearch-dev=0.3.6.6-11+b2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib/ghc
database=$work/package/var/lib/ghc/package.conf.d
sed -i "s#\([ :]\)/usr/#\1$work/package/usr/#" "$database"/*.conf
rm "$lib/package.conf.d"
mv "$database" "$lib/package.conf.d"
"$lib/bin/ghc-pkg" --global-package-db "$lib/package.conf.d" recache

cat >main.hs <<'HASKELL'
import Control.Monad (unless)
import qualified Data.ByteString.Lazy.Char8 as Bytes
import Network.Multipart

parts :: [String] -> [([String], String)]
parts body = [([name ++ "=" ++ value | (HeaderName name, value) <- fields], Bytes.unpack text) | BodyPart fields text <- list]
  where
    MultiPart list = parseMultipartBody "x" (Bytes.pack (concatMap (++ "\r\n") body))

check :: [String] -> [([String], String)] -> IO ()
check body expected = do
  print (parts body)
  unless (parts body == expected) $ fail "this has changed"


main :: IO ()
main = do
  let body first second = ["--x", "A: 1", "", "one", "--x" ++ first, "A: 2", "", "two", "--x" ++ second, "A: 3", "", "three", "--x--"]
  check (body "" "") [(["A=1"], "one"), (["A=2"], "two"), (["A=3"], "three")]
  check (body " " "\t") [(["A=1"], "one")]
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
