#!/usr/bin/env bash
# lua-http 0.4 (Lua; Debian package 0.4-1) writes and reads files of cookies with the flag of their second column the other way round, drops those
# of a session, and writes them with an end in 2038.
#
# Expected: the second column of a Netscape cookie file is TRUE if the cookie is for all hosts of the domain (curl, "The cookies file format"), and a
# time of 0 makes it one of the session. `load_from_file` and `save_to_file` are for that format (its documentation).
# Seen: a cookie of www.example.com alone is written with TRUE and the time 2147483647, one for all of example.com with FALSE and without a point:
# curl sends the first to hosts below it as well, until 2038, and the second to no other host. Of a file as curl writes it lua-http sends the cookie
# of the domain to no other host, the one of the host to hosts below it, and those of the session to nobody, nor those with an empty value.
#
# A session that was saved by curl and is taken over by lua-http is lost.
#
# Usage: findings/lua-http-reads-the-flag-of-a-cookie-file-the-other-way-round.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, python3 and curl; Lua 5.1 is fetched too. Fails if the behaviour differs.
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

local function look_up(store, host)
  return store:lookup(host, "/", true, true, true, host, true)
end

local own = cookie.new_store()
own:store("www.example.com", "/", true, false, "www.example.com", "host", "1", {})
own:store("www.example.com", "/", true, false, "www.example.com", "all", "2", { domain = "example.com", ["max-age"] = "3600" })
assert(look_up(own, "www.example.com") == "all=2; host=1" and look_up(own, "other.example.com") == "all=2")
local file = assert(io.open("own", "w"))
own:save_to_file(file)
file:close()

file = assert(io.open("curl", "w"))
for _, line in ipairs {
  "www.example.com\tFALSE\t/\tFALSE\t0\tsession\t1",
  "www.example.com\tFALSE\t/\tFALSE\t4000000000\thost\t1",
  "www.example.com\tFALSE\t/\tFALSE\t4000000000\tempty\t",
  ".example.com\tTRUE\t/\tFALSE\t4000000000\tall\t2",
} do
  file:write(line, "\n")
end
file:close()
local read = cookie.new_store()
file = assert(io.open("curl"))
read:load_from_file(file)
file:close()
for _, case in ipairs { { "www.example.com", "host=1" }, { "below.www.example.com", "host=1" }, { "other.example.com", "" } } do
  local sent = look_up(read, case[1])
  print(case[1] .. " gets '" .. sent .. "'")
  assert(sent == case[2])
end
LUA
package/usr/bin/lua5.1 main.lua

# A server that answers with the cookies that it gets, and curl with the file that lua-http wrote.
cat >server.py <<'PYTHON'
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers.get("Cookie", "").encode())

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 server.py >port &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until [[ -s port ]]; do sleep 0.05; done
cat own
for case in www.example.com:host=1 below.www.example.com:host=1 other.example.com:; do
    host=${case%%:*}
    sent=$(curl --silent --max-time 10 --cookie own --resolve "$host:$(cat port):127.0.0.1" "http://$host:$(cat port)/")
    echo "curl sends '$sent' to $host"
    [[ $sent == "${case#*:}" ]]
done
[[ $(cut -f2,5 own | grep 2147483647) == $'TRUE\t2147483647' ]]
echo "as described"
