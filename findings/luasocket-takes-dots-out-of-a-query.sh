#!/usr/bin/env bash
# LuaSocket 3.1.0 (Lua; Debian package 3.1.0-1+b1) takes dots out of the query of an address that it makes absolute, so also out of each Location.
#
# Expected: dots are removed from the path alone; `g?y/../x` against `http://a/b/c/d;p?q` is `http://a/b/c/g?y/../x`, an example of both RFC 2396
# (appendix C.2), which its manual names, and RFC 3986 (section 5.4.2).
# Seen: `url.absolute` gives `http://a/b/c/x` for that. An address that is absolute already is changed too: `http://localhost/go?to=/files/./b` loses
# its `/.`, and `?to=/a/../b` its `a`. `http.request` asks for the changed address where it is redirected; curl asks for the right one.
#
# Whoever is sent to a page of login with the address to come back to comes back to another one.
#
# Usage: findings/luasocket-takes-dots-out-of-a-query.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb, python3 and curl; Lua 5.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet lua5.1=5.1.5-9 liblua5.1-0=5.1.5-9 lua-socket=3.1.0-1+b1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
export LUA_PATH="$work/package/usr/share/lua/5.1/?.lua" LUA_CPATH="$work/package/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"

# A server that sends whoever asks for / to another address, and answers others with what they ask for.
cat >server.py <<'PYTHON'
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302 if self.path == "/" else 200)
        if self.path == "/":
            self.send_header("Location", "/go?to=/a/../b")
        self.end_headers()
        self.wfile.write(self.path.encode())

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

cat >main.lua <<'LUA'
local http = require "socket.http"
local url = require "socket.url"

for _, case in ipairs {
  { "http://a/b/c/d;p?q", "../g", "http://a/b/g" },
  { "http://a/b/c/d;p?q", "g?y/../x", "http://a/b/c/x" },
  { "http://a/", "http://localhost/go?to=/files/./b", "http://localhost/go?to=/files/b" },
  { "http://a/", "/go?to=/a/../b", "http://a/go?to=/b" },
} do
  local seen = url.absolute(case[1], case[2])
  print(case[2] .. ": " .. seen)
  assert(seen == case[3])
end
local asked, status = http.request("http://127.0.0.1:" .. arg[1] .. "/")
print("Location: /go?to=/a/../b: asked for " .. asked)
assert(status == 200 and asked == "/go?to=/b")
LUA
package/usr/bin/lua5.1 main.lua "$(cat port)"
curl=$(curl --silent --location --max-time 10 "http://127.0.0.1:$(cat port)/")
echo "curl asked for $curl"
[[ $curl == '/go?to=/a/../b' ]]
echo "as described"
