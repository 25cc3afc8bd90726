#!/usr/bin/env bash
# wsapi 1.6.1 (Lua; Debian package 1.6.1-2): a body that was read again from its beginning comes with a byte too many in each part.
#
# Expected: `read(size)` of the input gives as many bytes as it is asked for (WSAPI, "input"); `make_rewindable` makes one that can be read again.
# Seen: of `abcdefghij`, behind `rewind`, `read(4)` gives `abcde`, then `efghi`, then `ij`: each part has a byte more, with which the next one begins
# again. The first time, and where the whole is read at once, all is right.
#
# A form that one part of an application looks at in pieces, as for a signature or an upload, is another one for the next.
#
# Usage: findings/wsapi-gives-a-byte-twice-behind-a-rewind.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Lua 5.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet lua5.1=5.1.5-9 liblua5.1-0=5.1.5-9 lua-wsapi=1.6.1-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
export LUA_PATH="$work/package/usr/share/lua/5.1/?.lua" LUA_CPATH="$work/package/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"

cat >main.lua <<'LUA'
local util = require "wsapi.util"

-- The parts of four bytes of a body, at first and behind a rewind.
local body, position = "abcdefghij", 1
local environment = { input = {} }
function environment.input:read(size)
  local part = body:sub(position, position + size - 1)
  position = position + size
  return part
end
local input = util.make_rewindable(environment).input

local function parts()
  local read = {}
  for part in function() return input:read(4) end do
    read[#read + 1] = part
  end
  return table.concat(read, "|")
end

local first = parts()
input:rewind()
local again = parts()
print("by four: " .. first .. ", behind a rewind: " .. again)
assert(first == "abcd|efgh|ij" and again == "abcde|efghi|ij")
LUA
package/usr/bin/lua5.1 main.lua
echo "as described"
