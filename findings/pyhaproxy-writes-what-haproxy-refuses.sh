#!/usr/bin/env bash
# pyhaproxy 0.3.7 (Python) writes a configuration that haproxy refuses from one that it takes.
#
# Expected: "A Python library to parse haproxy configuration file", whose Render writes what Parser has read. In quotes a # is a character (HAProxy
# configuration manual, section 2.2, "Quoting and escaping"), `unix@` begins the path of a Unix socket (section 4.2, "server"), and a section ends
# where another one begins, also `cache`, `resolvers` and `peers`.
# Seen: a value with # in its quotes is cut there, with its quote open. `unix@/run/two.sock` is a server with the host `unix`, and is written as
# `unix: @/run/two.sock`. The lines of `cache`, with its name, become directives of the backend before it. haproxy 2.6.12 takes the
# file as it was, and names the first two as errors in what was written.
#
# Usage: findings/pyhaproxy-writes-what-haproxy-refuses.sh
# Needs haproxy, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >haproxy.cfg <<'CONFIGURATION'
global
    maxconn 100
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend all
    bind 127.0.0.1:8080
    http-request set-header X-Note "a # b"
    default_backend web
backend web
    server one 127.0.0.1:8081
    server two unix@/run/two.sock
cache small
    total-max-size 4
CONFIGURATION
haproxy -c -f haproxy.cfg

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pyhaproxy==0.3.7
python/bin/python - <<'PYTHON'
from pyhaproxy.parse import Parser
from pyhaproxy.render import Render

configuration = Parser("haproxy.cfg").build_configuration()
[backend] = configuration.backends
servers = [(server.name, server.host) for server in backend.servers()]
written = Render(configuration).render_configuration()
with open("written.cfg", "w") as file:
    file.write(written)
print(written)
print(servers)
lines = [line.strip() for line in written.splitlines() if line.strip()]
assert servers == [("one", "127.0.0.1"), ("two", "unix")]
assert 'http-request set-header X-Note "a' in lines
assert lines[-4:] == ["server one 127.0.0.1:8081", "server two unix: @/run/two.sock", "cache small", "total-max-size 4"]
PYTHON
if haproxy -c -f written.cfg 2>errors; then
    echo "haproxy takes it"
    exit 1
fi
grep -q "unmatched quote" errors
grep -q "unknown keyword '@/run/two.sock'" errors
echo "as described"
