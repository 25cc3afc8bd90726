#!/usr/bin/env bash
# Four readers of the combined log format get valid lines wrong, without an error.
#
#   clfparser 0.3 (Python): an agent ends at its first escaped quote; with one in Referer both are empty, and with one in the request all is.
#   parser201 1.6.0 and accesslog 0.1.0b5 (Python): an agent ends at its first escaped quote.
#   clf-parser 0.0.2 (Node.js): the same; with a remote logname it is in the address, and the rest is missing; `M-SEARCH` is SEARCH.
#
# Expected: a quote inside a field is written `\"` (httpd, mod_log_config, its notes on escaping); the second word is the remote logname, `%l`, which
# is not always a hyphen; a method may have a hyphen (RFC 9110 section 5.6.2), as those of UPnP and WebDAV have.
# Seen: as above. alpine 0.2.1 (Node.js) and apachelogs 0.6.1 (Python) read all of it.
#
# Agents with quotes in them are counted as one that nobody has, such as `agent \`.
#
# Usage: findings/four-readers-of-access-logs-cut-an-agent-at-its-quote.sh
# Needs Node.js 20, npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >access.log <<'LOG'
192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET /a HTTP/1.1" 200 5 "https://example.org/" "agent"
192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET /a HTTP/1.1" 200 5 "https://example.org/" "agent \"x\" y"
192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET /a HTTP/1.1" 200 5 "https://example.org/\"q" "agent"
192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET /a\"b HTTP/1.1" 200 5 "-" "agent"
192.0.2.1 named - [02/Jan/2026:03:04:05 +0100] "GET /a HTTP/1.1" 200 5 "-" "agent"
192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "M-SEARCH /a HTTP/1.1" 200 5 "-" "agent"
LOG

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check clfparser==0.3 parser201==1.6.0 accesslog==0.1.0b5 apachelogs==0.6.1
python/bin/python -W ignore - <<'PYTHON'
from accesslog.clparser import CLParser
from apachelogs import COMBINED, parse
from clfparser import CLFParser
from parser201 import LogParser

AGENT, CUT = "agent", "agent \\"
with open("access.log") as log:
    lines = log.read().splitlines()
for line, clf, others, right in zip(
    lines,
    [f'"{AGENT}"', f'"{CUT}"', "", "", f'"{AGENT}"', f'"{AGENT}"'],
    [AGENT, CUT, AGENT, AGENT, AGENT, AGENT],
    [AGENT, 'agent "x" y', AGENT, AGENT, AGENT, AGENT],
):
    said = [CLFParser.logDict(line)["Useragent"], LogParser(line).useragent, CLParser().parse(line)["agent"]]
    whole = parse(COMBINED, line).headers_in["User-Agent"]
    print(f"{line}\n  clfparser {said[0]}, parser201 {said[1]}, accesslog {said[2]}, apachelogs {whole}")
    assert (said, whole) == ([clf, others, others], right)
assert CLFParser.logDict(lines[2])["s"] == "200" and CLFParser.logDict(lines[3])["s"] == ""
PYTHON

echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund clf-parser@0.0.2 alpine@0.2.1
cat >agents.js <<'JAVASCRIPT'
const assert = require('assert');
const Alpine = require('alpine');
const clf = require('clf-parser');

const lines = require('fs').readFileSync('access.log', 'utf8').trim().split('\n');
const said = lines.map((line) => clf(line));
console.log('clf-parser:', JSON.stringify(said.map(({ http_user_agent, method }) => [method, http_user_agent])));
assert.deepStrictEqual(said.map((one) => one.http_user_agent), ['agent', 'agent \\', 'agent', 'agent', undefined, 'agent']);
assert.deepStrictEqual(said.map((one) => one.method), ['GET', 'GET', 'GET', 'GET', undefined, 'SEARCH']);
console.log(`clf-parser, the address of the fifth: ${said[4].remote_addr}`);
assert.strictEqual(said[4].remote_addr, '192.0.2.1 named');
const whole = lines.map((line) => new Alpine(Alpine.LOGFORMATS.COMBINED).parseLine(line));
console.log('alpine:', whole[1]['RequestHeader User-agent'], whole[4].logname, whole[5].request);
assert.deepStrictEqual([whole[1]['RequestHeader User-agent'], whole[4].logname], ['agent \\"x\\" y', 'named']);
JAVASCRIPT
node agents.js
echo "as described"
