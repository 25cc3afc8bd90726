#!/usr/bin/env bash
# multipart 0.2.1 (Haskell) loses the text of a part that has no fields.
#
# Expected: a part may have no fields; it begins with the empty line then, and what follows is its text (RFC 2046 section 5.1, with an example).
# `showMultipartBody` writes such parts so.
# Seen: `parseMultipartBody` gives such a part an empty text. If the text has an empty line itself, what stands behind that is all there is. So what
# the package writes it does not read. Parts with fields are read well.
#
# Usage: findings/multipart-of-haskell-empties-parts-without-fields.sh
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
  check ["--x", "A: b", "", "one", "--x", "", "two", "--x--"] [(["A=b"], "one"), ([], "")]
  check ["--x", "", "one", "", "two", "--x--"] [([], "two")]
  let written = showMultipartBody "x" (MultiPart [BodyPart [] (Bytes.pack "one")])
      again = parseMultipartBody "x" written
  print (written, again)
  unless (again == MultiPart [BodyPart [] Bytes.empty]) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
