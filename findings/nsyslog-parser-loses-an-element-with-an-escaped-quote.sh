#!/usr/bin/env bash
# nsyslog-parser 0.10.1 (Node.js) loses an element of the structured data of a syslog message whose value has an escaped quote, takes
# one without parameters for the text, and gives a text to a message that has none.
#
# Expected: structured data is one or more elements side by side, each an identifier with any number of parameters, also none; in a
# value `"`, `\` and `]` stand behind a backslash (RFC 5424 section 6.3). A message that ends behind the structured data has no
# text (section 6), and a nil timestamp says that the sender does not know the time (section 6.2.3).
# Seen: an element with `x="say \"yes\""` is missing from the data: it is part of the text if it is the last, and gone if another
# follows. `[a@32473]` is part of the text. A message without text has the text "-", and one without a time has the time of
# reading. No error. syslog-rfc5424-parser 0.3.2 of Python reads all of them.
#
# What a value says in quotes, such as a request line or a user agent, is not to be found by its name then.
#
# Usage: findings/nsyslog-parser-loses-an-element-with-an-escaped-quote.sh
# Needs Node.js 20, npm and python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund nsyslog-parser@0.10.1
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check syslog-rfc5424-parser==0.3.2

cat >messages.txt <<'MESSAGES'
<13>1 2026-11-29T02:00:00Z host app 1 - [a@32473 x="1"] text
<13>1 2026-11-29T02:00:00Z host app 1 - [a@32473 x="1"][b@32473 y="2"] text
<13>1 2026-11-29T02:00:00Z host app 1 - [a@32473 x="say \"yes\""] text
<13>1 2026-11-29T02:00:00Z host app 1 - [a@32473 x="say \"yes\""][b@32473 y="2"] text
<13>1 2026-11-29T02:00:00Z host app 1 - [a@32473] text
<13>1 2026-11-29T02:00:00Z host app 1 - -
<13>1 - host app 1 - - text
MESSAGES
cat >parse.js <<'JAVASCRIPT'
const assert = require('assert');
const fs = require('fs');
const parse = require('nsyslog-parser');
const begun = Date.now();
const read = fs.readFileSync('messages.txt', 'utf8').trim().split('\n').map((line) => {
    const { structuredData, message, ts } = parse(line);
    console.log(`${line}\n  data ${JSON.stringify(structuredData)}, text ${JSON.stringify(message)}, time ${ts.toISOString()}`);
    return [structuredData.map((element) => element.$id).join(' '), message, ts.getTime() >= begun];
});
assert.deepStrictEqual(read, [
    ['a@32473', 'text', false],
    ['a@32473 b@32473', 'text', false],
    ['', '[a@32473 x="say \\"yes\\""] text', false],
    ['b@32473', 'text', false],
    ['', '[a@32473] text', false],
    ['', '-', false],
    ['', 'text', true],
]);
JAVASCRIPT
node parse.js
python/bin/python - <<'PYTHON'
from syslog_rfc5424_parser import SyslogMessage

read = [SyslogMessage.parse(line) for line in open("messages.txt").read().splitlines()]
found = [(" ".join(one.sd), one.msg or "", one.timestamp in (None, "-")) for one in read]
print("syslog-rfc5424-parser:", found)
assert found == [
    ("a@32473", "text", False),
    ("a@32473 b@32473", "text", False),
    ("a@32473", "text", False),
    ("a@32473 b@32473", "text", False),
    ("a@32473", "text", False),
    ("", "", False),
    ("", "text", True),
]
PYTHON
echo "as described"
