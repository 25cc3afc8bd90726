#!/usr/bin/env bash
# logfmt 1.4.0 (Node.js) and logfmt 0.4 (Python) do not read what they and others write, if a value has a line end, a backslash or an equals sign.
#
# Expected: a record of logfmt is one line, and in a value in quotes `\n` is a line end and `\\` a backslash, as the writers of Go, which the
# format comes from, and logfmter write them; what a library wrote it reads back ("Parse and generate log lines in the logfmt style",
# the Python one).
# Seen: Node.js: a value with a line end is written with the line end itself, so that one record becomes two lines: of `msg` the first
# word is left, and the rest becomes a name. Of `msg="a\nb"` it reads `anb`, of `path=/a?b=c` it reads `/a?bc`. Python: a value with a
# backslash is written as it is, and what is read back is True, as it is for each value with a backslash but `\"`. logfmtkv 0.2.1 reads all.
#
# Traces and targets with a query are what logs are searched for.
#
# Usage: findings/logfmt-reads-true-for-a-value-that-it-wrote.sh
# Needs Node.js 20, npm and python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund logfmt@1.4.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check logfmt==0.4 logfmtkv==0.2.1

cat >read.js <<'JAVASCRIPT'
const assert = require('assert');
const logfmt = require('logfmt');
for (const [line, seen] of [
    ['msg="a b" z=1', 'a b'],
    ['msg="a\\nb" z=1', 'anb'],
    ['msg=/a?b=c z=1', '/a?bc'],
    ['msg="a\\\\b" z=1', 'a\\b'],
]) {
    const { msg, z } = logfmt.parse(line);
    console.log(`Node.js, ${line}: ${JSON.stringify(msg)}`);
    assert.deepStrictEqual([msg, z], [seen, '1']);
}
const lines = logfmt.stringify({ msg: 'one\ntwo', z: 1 }).split('\n');
console.log('Node.js writes', JSON.stringify(lines));
assert.deepStrictEqual(lines.map((line) => logfmt.parse(line)), [{ msg: 'one' }, { two: true, z: '1' }]);
JAVASCRIPT
node read.js
python/bin/python - <<'PYTHON'
import logfmt
import logfmtkv

for value, seen in [("a b", "a b"), ('a"b', 'a"b'), ("a\\b", True)]:
    line = logfmt.format_line({"msg": value})
    said = logfmt.parse_line(line)["msg"]
    print(f"Python, {line}: {said!r}")
    assert said == seen
for line, seen, right in [('msg="a\\nb"', True, "a\nb"), ('msg="a\\\\b"', True, "a\\b"), ("msg=/a", "/a", "/a")]:
    said = logfmt.parse_line(line)["msg"]
    print(f"Python, {line}: {said!r}, logfmtkv {logfmtkv.parse(line)['msg']!r}")
    assert (said, logfmtkv.parse(line)["msg"]) == (seen, right)
assert logfmtkv.parse("msg=/a?b=c")["msg"] == "/a?b=c"
PYTHON
echo "as described"
