#!/usr/bin/env bash
# wsapi 1.6.1 (Lua; Debian package 1.6.1-2) writes a date of 1970 where a cookie's Max-Age belongs.
#
# Expected: `max-age-av = "Max-Age=" non-zero-digit *DIGIT`, in seconds (RFC 6265 section 4.1.1).
# Seen: `max_age = 3600` gives `Max-Age=Thursday, 01-Jan-1970 01:00:00 GMT`. Python's http.cookiejar does not keep such a cookie at all, and one with
# `Max-Age=3600` for an hour; browsers leave such an attribute out. `expires` is written as a date of its own.
#
# Who asks to be remembered is forgotten, at once or when the browser is closed.
#
# Usage: findings/wsapi-writes-a-date-for-max-age.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and python3; Lua 5.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet lua5.1=5.1.5-9 liblua5.1-0=5.1.5-9 lua-wsapi=1.6.1-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
export LUA_PATH="$work/package/usr/share/lua/5.1/?.lua" LUA_CPATH="$work/package/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"

cat >main.lua <<'LUA'
local response = require "wsapi.response"

local answer = response.new()
answer:set_cookie("id", { value = "7", max_age = tonumber(arg[1]) })
print((answer.headers["Set-Cookie"]))
LUA
package/usr/bin/lua5.1 main.lua 3600 >cookie
cat cookie
[[ $(cat cookie) == 'id=7; Max-Age=Thursday, 01-Jan-1970 01:00:00 GMT' ]]
cat >keep.py <<'PYTHON'
import email.message
import http.cookiejar
import types
import urllib.request


def ends(cookie):
    """Whether the cookies that a client keeps have an end."""
    message = email.message.Message()
    message["Set-Cookie"] = cookie
    jar = http.cookiejar.CookieJar()
    jar.extract_cookies(types.SimpleNamespace(info=lambda: message), urllib.request.Request("http://localhost/"))
    return [kept.expires is not None for kept in jar]


seen, right = ends(open("cookie").read().strip()), ends("id=7; Max-Age=3600")
print("kept with an end:", seen, "and for Max-Age=3600:", right)
assert (seen, right) == ([], [True])
PYTHON
python3 keep.py
echo "as described"
