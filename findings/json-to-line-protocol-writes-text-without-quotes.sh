#!/usr/bin/env bash
# json-to-line-protocol 0.2.0 (Node.js) writes the values of string fields without quotes, so that text is refused or
# becomes a number or a boolean.
#
# Expected: "Will perform any necessary escaping on strings as specified by the protocol" (README, whose example has a field '2');
# string field values stand in double quotes, with a backslash before `"` and `\` (InfluxDB, line protocol reference).
# Seen: `{ text: 'two words' }` is written `text=two words`, which no reader takes; '2' is written `text=2`, a number, and 't' a
# boolean; a later point with other text is then refused, since the type of a field is that of the first one. Tags are escaped
# well. No error.
#
# Usage: findings/json-to-line-protocol-writes-text-without-quotes.sh
# Needs Node.js 20, npm with its registry, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund json-to-line-protocol@0.2.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check line-protocol-parser==2.0.1

node -e "
    const { convert } = require('json-to-line-protocol');
    for (const text of ['two words', 'a,b=1', 'word', '2', 't']) {
        console.log(convert({ measurement: 'm', tags: { tag: 'a b,c=d' }, fields: { text }, ts: 1 }));
    }
" >lines

python/bin/python - <<'PYTHON'
from line_protocol_parser import LineFormatError, parse_line

for line, expected in zip(
    open("lines").read().splitlines(),
    [None, None, None, {"text": 2.0}, {"text": True}],
    strict=True,
):
    try:
        read = parse_line(line)
        assert read["tags"] == {"tag": "a b,c=d"}
        read = read["fields"]
    except LineFormatError:
        read = None
    print(f"{line}: {'refused' if read is None else read}")
    assert read == expected, (read, expected)
PYTHON
echo "as described"
