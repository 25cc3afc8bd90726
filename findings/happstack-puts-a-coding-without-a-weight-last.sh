#!/usr/bin/env bash
# happstack-server 7.7.2 (Haskell) takes a coding without a weight for the one that a client wants least, and answers 406 to valid fields.
#
# Expected: "If no 'q' parameter is present, the default weight is 1" (RFC 9110 section 12.4.2). Elements of a list may be empty, and `q` is a letter
# of either case (sections 5.6.1 and 12.4.2, RFC 5234 section 2.3).
# Seen: for `gzip, deflate;q=0.1` `compressedResponseFilter` sends deflate, for `identity, gzip;q=0.001` gzip. With a weight of 1 in the field the
# choice is right. For `gzip,, br`, `gzip, br,` and `gzip;Q=0.5` the answer is 406 without a body; for what is not coded it has `Content-Encoding:
# identity`, which "SHOULD NOT be included" (section 8.4.1).
#
# A client that says last what it takes if need be gets just that.
#
# Usage: findings/happstack-puts-a-coding-without-a-weight-last.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and gcc; the Haskell compiler is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ghc=9.0.2-4 libghc-base-orphans-dev=0.8.7-1 libghc-base64-bytestring-dev=1.2.1.0-1+b1 \
    libghc-blaze-builder-dev=0.4.2.2-1+b3 libghc-blaze-html-dev=0.9.1.2-2+b1 libghc-blaze-markup-dev=0.8.2.8-1+b2 \
    libghc-extensible-exceptions-dev=0.1.1.4-12+b4 libghc-happstack-server-dev=7.7.2-1+b2 libghc-hslogger-dev=1.3.1.0+dfsg-1+b2 \
    libghc-html-dev=1.0.1.2-17+b1 libghc-monad-control-dev=1.0.3.1-1+b3 libghc-network-bsd-dev=2.8.1.0-3+b2 \
    libghc-network-dev=3.1.2.7-1+b3 libghc-network-uri-dev=2.6.4.1-1+b2 libghc-old-locale-dev=1.0.0.7-10+b3 \
    libghc-semigroups-dev=0.19.2-1+b1 libghc-sendfile-dev=0.7.11.4-1+b2 libghc-syb-dev=0.7.2.2-1 \
    libghc-system-filepath-dev=0.4.14-5+b2 libghc-th-compat-dev=0.1.4-1 libghc-threads-dev=0.5.1.7-1 \
    libghc-transformers-base-dev=0.4.6-1+b4 libghc-transformers-compat-dev=0.6.6-1+b3 libghc-utf8-string-dev=1.0.2-1+b2 \
    libghc-zlib-dev=0.6.3.0-1+b3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib/ghc
database=$work/package/var/lib/ghc/package.conf.d
sed -i "s#\([ :]\)/usr/#\1$work/package/usr/#" "$database"/*.conf
rm "$lib/package.conf.d"
mv "$database" "$lib/package.conf.d"
"$lib/bin/ghc-pkg" --global-package-db "$lib/package.conf.d" recache

cat >main.hs <<'HASKELL'
import Control.Concurrent.MVar (newEmptyMVar, newMVar)
import Control.Monad (forM_, unless)
import qualified Data.ByteString.Char8 as Bytes
import Happstack.Server
import Happstack.Server.Internal.Compression (compressedResponseFilter)
import Happstack.Server.Internal.Types (Request (..))

ask :: String -> IO (Int, Maybe String)
ask accept = do
  body <- newMVar (Body mempty)
  input <- newEmptyMVar
  let fields = mkHeaders [("Accept-Encoding", accept)]
      request = Request False GET [] "/" "" [] input [] (HttpVersion 1 1) fields body ("localhost", 1)
  answer <- simpleHTTP'' (compressedResponseFilter >> return (toResponse "text")) request
  return (rsCode answer, Bytes.unpack <$> getHeader "content-encoding" answer)

main :: IO ()
main =
  forM_
    [ ("gzip;q=1, deflate;q=0.1", (200, Just "gzip"))
    , ("gzip, deflate;q=0.1", (200, Just "deflate"))
    , ("identity;q=1, gzip;q=0.001", (200, Just "identity"))
    , ("identity, gzip;q=0.001", (200, Just "gzip"))
    , ("gzip;q=0.5", (200, Just "gzip"))
    , ("gzip;Q=0.5", (406, Nothing))
    , ("gzip, br", (200, Just "gzip"))
    , ("gzip,, br", (406, Nothing))
    , ("gzip, br,", (406, Nothing))
    , ("br", (200, Just "identity"))
    ] $ \(accept, expected) -> do
      seen <- ask accept
      putStrLn (accept ++ ": " ++ show seen)
      unless (seen == expected) $ fail "this has changed"
HASKELL
"$lib/bin/ghc" "-B$lib" -e main main.hs
echo "as described"
