#!/usr/bin/env bash
# lua-http 0.4 (Lua; Debian package 0.4-1) counts one cookie for a domain, however many there are, so its limit of cookies per domain holds nothing
# back.
#
# Expected: `max_cookies_per_domain`: "The maximum number of cookies to store per domain", beyond which none is stored (its documentation).
# Seen: with a limit of 2, five cookies of example.com are stored and sent; the count is 1 behind each. With a limit of 1 the second one is refused.
# The limit of all cookies holds. Where two of five are removed the count is -1.
#
# A server that makes names of cookies up fills the memory of a client that has set a limit.
#
# Usage: findings/lua-http-counts-one-cookie-for-a-domain.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Lua 5.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet lua5.1=5.1.5-9 liblua5.1-0=5.1.5-9 lua-http=0.4-1 lua-lpeg-patterns=0.4-1.1 lua-lpeg=1.0.2-2 \
    lua-binaryheap=0.4-2 lua-compat53=0.7-2 lua-bit32=5.3.0-4 lua-basexx=0.3-2.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
export LUA_PATH="$work/package/usr/share/lua/5.1/?.lua" LUA_CPATH="$work/package/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"

cat >main.lua <<'LUA'
local cookie = require "http.cookie"

-- How many of five cookies are stored under these limits, and the count of their domain.
local function store_five(limits)
  local store = cookie.new_store()
  for name, limit in pairs(limits) do
    store[name] = limit
  end
  local stored = 0
  for i = 1, 5 do
    if store:store("example.com", "/", true, true, "example.com", "name" .. i, "value", {}) then
      stored = stored + 1
    end
  end
  return stored, store.n_cookies_per_domain["example.com"], store
end

for _, case in ipairs { { { max_cookies = 2 }, 2 }, { { max_cookies_per_domain = 1 }, 1 }, { { max_cookies_per_domain = 2 }, 5 } } do
  local name, limit = next(case[1])
  local stored, count = store_five(case[1])
  print(name .. " " .. limit .. ": " .. stored .. " stored, counted " .. count)
  assert(stored == case[2] and count == 1)
end
local _, _, store = store_five({})
store:remove("example.com", "/", "name1")
store:remove("example.com", "/", "name2")
print("five stored, two removed: counted " .. store.n_cookies_per_domain["example.com"])
assert(store.n_cookies_per_domain["example.com"] == -1)
LUA
package/usr/bin/lua5.1 main.lua
echo "as described"
