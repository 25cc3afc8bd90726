#!/usr/bin/env bash
# accept-language-parser 1.5.0 (Node.js) takes a weight behind a blank for a language, and picks a language that the client has refused;
# resolve-accept-language 3.2.2 does the latter too.
#
# Expected: `weight = OWS ";" OWS "q=" qvalue`, and a weight of 0 means "not acceptable" (RFC 9110 section 12.4.2). In a tag of
# language and region the part behind is a variant, not a region (RFC 5646 section 2.1: `de-DE-1996`).
# Seen: `en; q=0.1, fr;q=0.9` is read as English with 1, a language named q with 1, and French: English is picked. `de;q=0, *` picks
# German, though every other language is welcome. `de-DE-1996` is said to be of the script DE and the region 1996.
# accept-language 3.0.20 reads the blank, and picks German too.
#
# HttpClient of .NET and others write the blank: their users get the language that they want least.
#
# Usage: findings/accept-language-parser-takes-a-weight-for-a-language.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund accept-language-parser@1.5.0 resolve-accept-language@3.2.2 accept-language@3.0.20

cat >languages.mjs <<'JAVASCRIPT'
import assert from 'assert';
import parser from 'accept-language-parser';
import accept_language from 'accept-language';
import { resolveAcceptLanguage } from 'resolve-accept-language';

accept_language.languages(['en', 'fr', 'de']);
for (const [field, picked, resolved, by_other] of [
    ['en;q=0.1, fr;q=0.9', 'fr', 'fr-FR', 'fr'],
    ['en; q=0.1, fr;q=0.9', 'en', 'fr-FR', 'fr'],
    ['de;q=0, fr;q=0.1', 'fr', 'fr-FR', 'fr'],
    ['de;q=0, *', 'de', 'de-DE', 'de'],
]) {
    const said = [parser.pick(['en', 'fr', 'de'], field), resolveAcceptLanguage(field, ['en-US', 'fr-FR', 'de-DE'], 'en-US'), accept_language.get(field)];
    console.log(`${field}: accept-language-parser ${said[0]}, resolve-accept-language ${said[1]}, accept-language ${said[2]}`);
    assert.deepStrictEqual(said, [picked, resolved, by_other]);
}
const read = parser.parse('en; q=0.1, fr;q=0.9').map((one) => `${one.code} ${one.quality}`);
console.log('en; q=0.1, fr;q=0.9 is read as', read.join(', '));
assert.deepStrictEqual(read, ['en 1', 'q 1', 'fr 0.9']);
const [german] = parser.parse('de-DE-1996');
assert.deepStrictEqual([german.script, german.region], ['DE', '1996']);
JAVASCRIPT
node languages.mjs
echo "as described"
