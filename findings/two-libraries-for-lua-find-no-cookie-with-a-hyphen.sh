#!/usr/bin/env bash
# Two libraries for Lua find no cookie whose name has a hyphen, and one of another name in its place: wsapi 1.6.1 (Debian package 1.6.1-2) and cgilua
# 5.2 (5.2~alpha2-2).
#
# Expected: the name of a cookie is a token, in which hyphens, points and pluses are letters like others (RFC 6265 section 4.1.1).
# Seen: the name is put into a pattern of Lua as it is, where `n-` stands for any number of n. Of `session-id=7; sessionid=8` both give 8 for
# `session-id`, and nothing where only the first is sent; `theme.x` finds `themeax`. `plain` is found.
#
# Sessions of a framework that names its cookie with a hyphen never begin.
#
# Usage: findings/two-libraries-for-lua-find-no-cookie-with-a-hyphen.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Lua 5.1 is fetched too. Fails if the behaviour differs.
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
local util = require "wsapi.util"

-- What cgilua needs of the server around it.
local cookies
package.loaded["cgilua"] = {}
SAPI = {
  Request = { servervariable = function() return cookies end },
  Response = { header = function() end, write = function() end },
}
local cgilua = require "cgilua.cookies"

for _, case in ipairs {
  { "plain=5", "plain", "5" },
  { "session-id=7", "session-id", nil },
  { "session-id=7; sessionid=8", "session-id", "8" },
  { "themeax=9; theme.x=6", "theme.x", "9" },
} do
  local environment = util.make_env_get("")
  environment.HTTP_COOKIE, cookies = case[1], case[1]
  local seen = { request.new(environment).cookies[case[2]], cgilua.get(case[2]) }
  print(case[1] .. ": " .. case[2] .. " is " .. tostring(seen[1]) .. " for wsapi, " .. tostring(seen[2]) .. " for cgilua")
  assert(seen[1] == case[3] and seen[2] == case[3])
end
LUA
package/usr/bin/lua5.1 main.lua
echo "as described"
