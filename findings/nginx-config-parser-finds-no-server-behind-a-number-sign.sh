#!/usr/bin/env bash
# Two readers of nginx's configuration take a number sign in quotes for a comment and lose what follows: @webantic/nginx-config-parser 1.6.1
# (Node.js) and pynginxconfig 0.3.4 (Python).
#
# Expected: a comment begins with # where a parameter could begin, and in quotes it is a character, as nginx itself reads it (nginx 1.22.1:
# `nginx -t` takes the file below). "Convert nginx conf strings to JSON and back!"; "can parse blocks and single values of unlimited nesting"
# (descriptions).
# Seen: a `log_format` with # in its quotes runs on into the block behind it, which gets a name such as `log_format short '$remote_addr server`:
# there is no server any more. An `add_header` with # in it takes the directive behind it for the rest of its value. @webantic's also makes
# one value of two directives in a line, and pynginxconfig ends a block at a brace in a regular expression. No error. crossplane 0.5.8 reads all.
#
# What is written back is a configuration that nginx refuses.
#
# Usage: findings/nginx-config-parser-finds-no-server-behind-a-number-sign.sh
# Needs nginx, Node.js 20, npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >nginx.conf <<'CONF'
events {
}
http {
    log_format short '$remote_addr # "$request"';
    server {
        listen 127.0.0.1:8080;
        location /one {
            add_header X-Note "issue # 1";
            return 204;
        }
        location /two {
            return 204;
        }
        location ~ "^/three{1,2};$" {
            return 200;
        }
    }
}
CONF
nginx -q -t -c "$work/nginx.conf" -g "pid $work/pid; error_log stderr;"

echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @webantic/nginx-config-parser@1.6.1
cat >read.js <<'JAVASCRIPT'
const assert = require('assert');
const Parser = require('@webantic/nginx-config-parser');
const http = new Parser().readConfigFile('nginx.conf').http;
console.log('@webantic/nginx-config-parser:', JSON.stringify(http));
assert.deepStrictEqual(Object.keys(http), ["log_format short '$remote_addr server"]);
const [server] = Object.values(http);
assert.deepStrictEqual(server['location /one'], { add_header: 'X-Note "issue return 204' });
const line = new Parser().toJSON('server {\nlisten 80; listen 81;\nlocation / { return 204; }\n}\n').server;
console.log('@webantic/nginx-config-parser, several in a line:', JSON.stringify(line));
assert.strictEqual(line.listen, '80; listen 81');
JAVASCRIPT
node read.js

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pynginxconfig==0.3.4 crossplane==0.5.8 setuptools==80.9.0
python/bin/python - <<'PYTHON'
import crossplane
from pynginxconfig import NginxConfig

config = NginxConfig()
with open("nginx.conf") as file:
    config.load(file.read())
written = config.gen_config()
print(f"pynginxconfig:\n{written}")
assert "log_format short '$remote_addr     server {" in written
assert 'X-Note "issue             return 204;' in written
assert '~ "^/three {' in written

[http] = [one for one in crossplane.parse("nginx.conf")["config"][0]["parsed"] if one["directive"] == "http"]
directives = [" ".join([one["directive"], *one["args"]]) for one in http["block"]]
print(f"crossplane: {directives}")
assert directives == ["log_format short $remote_addr # \"$request\"", "server"]
PYTHON
echo "as described"
