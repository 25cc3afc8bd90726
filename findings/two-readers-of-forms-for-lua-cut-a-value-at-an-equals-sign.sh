#!/usr/bin/env bash
# Two readers of queries and forms for Lua cut a value at its first equals sign: wsapi 1.6.1 (Debian package 1.6.1-2) and cgilua 5.2 (5.2~alpha2-2).
#
# Expected: a pair is divided at its first `=`, what is behind it is the value, with all other equals signs (URL Standard,
# "application/x-www-form-urlencoded parsing"); a query may have them as they are (RFC 3986 section 3.4).
# Seen: of `token=YWJjZA==&page=2` the token is `YWJjZA`, of `filter=a=b` the filter is `a`. A pair without an equals sign is dropped: of
# `preview&page=2` only the page is left. Python's urllib.parse reads the values whole.
#
# Values in base64 lose their end, and signatures over them do not match.
#
# Usage: findings/two-readers-of-forms-for-lua-cut-a-value-at-an-equals-sign.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and python3; Lua 5.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet lua5.1=5.1.5-9 liblua5.1-0=5.1.5-9 lua-wsapi=1.6.1-2 lua-cgi=5.2~alpha2-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
export LUA_PATH="$work/package/usr/share/lua/5.1/?.lua" LUA_CPATH="$work/package/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"

cat >main.lua <<'LUA'
local request = require "wsapi.request"
local urlcode = require "cgilua.urlcode"
local util = require "wsapi.util"

for _, case in ipairs {
  { "token=YWJjZA&page=2", "token", "YWJjZA" },
  { "token=YWJjZA==&page=2", "token", "YWJjZA" },
  { "filter=a=b&page=2", "filter", "a" },
  { "preview&page=2", "preview", nil },
} do
  local by_wsapi, by_cgilua = request.new(util.make_env_get(case[1])).GET, {}
  urlcode.parsequery(case[1], by_cgilua)
  print(case[1] .. ": " .. case[2] .. " is " .. tostring(by_wsapi[case[2]]) .. " for wsapi, " .. tostring(by_cgilua[case[2]]) .. " for cgilua")
  assert(by_wsapi[case[2]] == case[3] and by_cgilua[case[2]] == case[3])
  assert(by_wsapi.page == "2" and by_cgilua.page == "2")
end
LUA
package/usr/bin/lua5.1 main.lua
python3 -c '
from urllib.parse import parse_qs
assert parse_qs("token=YWJjZA==&page=2&filter=a=b") == {"token": ["YWJjZA=="], "page": ["2"], "filter": ["a=b"]}'
echo "as described"
