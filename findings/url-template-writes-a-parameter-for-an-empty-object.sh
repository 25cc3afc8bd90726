#!/usr/bin/env bash
# Writers of URI templates take an empty object or list for one with a value, or an empty text for none.
#
#   url-template 3.1.1 (Node.js): `{?keys}` and `{;keys}` of an object without members are `?keys=` and `;keys=`, `{?list}` of a list
#   without members is `?list=`.
#   uritemplate 4.2.0 (Python): `{;keys}` is `;keys=`. uri-template 1.3.0 (Python): it is `;keys`.
#   uri-template 2.0.0, rfc6570-uri-template 1.1.0 and @hyperjump/uri-template 0.3.0 (Node.js): `{/empty}` of an empty text is nothing.
#
# Expected: a list or an associative array with no members "is considered undefined" (RFC 6570 section 2.3), so nothing is written for
# it; an empty text is a value, so `{/empty}` is `/` (section 3.2.1, and appendix A: the first string is written before the first
# defined variable). std-uritemplate 2.0.12 (Python) writes all so.
# Seen: as above. Empty texts with other operators are written well.
#
# A filter without conditions is then a request for a parameter without a value, and a collection's address loses its slash.
#
# Usage: findings/url-template-writes-a-parameter-for-an-empty-object.sh
# Needs Node.js 20, npm and python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund url-template@3.1.1 uri-template@2.0.0 rfc6570-uri-template@1.1.0 @hyperjump/uri-template@0.3.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check uritemplate==4.2.0 uri-template==1.3.0 std-uritemplate==2.0.12

cat >expand.mjs <<'JAVASCRIPT'
import assert from 'assert';
import * as hyperjump from '@hyperjump/uri-template';
import * as rfc6570 from 'rfc6570-uri-template';
import * as uri_template from 'uri-template';
import { parseTemplate } from 'url-template';

const values = { keys: {}, list: [], empty: '', one: '1' };
const writers = [
    (template) => parseTemplate(template).expand(values),
    (template) => uri_template.parse(template).expand(values),
    (template) => rfc6570.parse(template).expand(values),
    (template) => hyperjump.expand(hyperjump.parse(template), values),
];
for (const [template, ...seen] of [
    ['{?keys}', '?keys=', '', '', ''],
    ['{;keys}', ';keys=', '', '', ''],
    ['{?list}', '?list=', '', '', ''],
    ['{?empty}', '?empty=', '?empty=', '?empty=', '?empty='],
    ['a{/empty}', 'a/', 'a', 'a', 'a'],
    ['a{/one}', 'a/1', 'a/1', 'a/1', 'a/1'],
]) {
    const said = writers.map((write) => write(template));
    console.log(`${template}: url-template '${said[0]}', uri-template '${said[1]}', rfc6570-uri-template '${said[2]}', hyperjump '${said[3]}'`);
    assert.deepStrictEqual(said, seen);
}
JAVASCRIPT
node expand.mjs
python/bin/python - <<'PYTHON'
import stduritemplate
import uri_template
import uritemplate

VALUES = {"keys": {}, "list": [], "empty": "", "one": "1"}
for template, *seen in [
    ("{;keys}", ";keys=", ";keys", ""),
    ("{?list}", "", "", ""),
    ("a{/empty}", "a/", "a/", "a/"),
]:
    said = [
        uritemplate.expand(template, VALUES),
        uri_template.expand(template, **VALUES),
        stduritemplate.StdUriTemplate.expand(template, VALUES),
    ]
    print(f"{template}: uritemplate '{said[0]}', uri-template '{said[1]}', std-uritemplate '{said[2]}'")
    assert said == seen, said
PYTHON
echo "as described"
