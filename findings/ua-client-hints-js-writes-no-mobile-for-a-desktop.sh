#!/usr/bin/env bash
# ua-client-hints-js 0.1.2 (Node.js) writes an empty Sec-CH-UA-Mobile for a desktop, and does not read the names that the fields have today or
# what is quoted in them.
#
# Expected: Sec-CH-UA-Mobile is a boolean of structured fields, `?0` for no; a model or an architecture that is unknown is the empty string `""`;
# the form factors are a list in Sec-CH-UA-Form-Factors (User-Agent Client Hints, section 3). An empty field is no boolean and no
# string (RFC 9651 section 4.2: parsing fails), and in a string a backslash quotes a quote (section 4.2.5). "Parse & serialize user-agent client
# hints (UA-CH) HTTP headers" (README).
# Seen: `?0` is read as false and written as nothing, which no reader takes, and so is a model that is empty; a hint that was never set is
# written so too. `"Desktop", "XR"` in Sec-CH-UA-Form-Factors is not seen, since the library looks for Sec-CH-UA-Form-Factor. A brand with
# a comma in it becomes two without a name, of `"a \"b\""` a reader gets `ab`, and quotes are written without a backslash.
#
# A proxy that passes the hints on sends eight empty fields for each desktop.
#
# Usage: findings/ua-client-hints-js-writes-no-mobile-for-a-desktop.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ua-client-hints-js@0.1.2 structured-headers@2.1.0

cat >hints.js <<'JAVASCRIPT'
const assert = require('assert');
const { UAClientHints } = require('ua-client-hints-js');

(async () => {
    const { parseItem } = await import('structured-headers');
    const readable = (field) => {
        try {
            return `${parseItem(field)[0]}`;
        } catch {
            return 'nothing';
        }
    };
    for (const [name, value, read, written] of [
        ['Sec-CH-UA-Mobile', '?1', true, '?1'],
        ['Sec-CH-UA-Mobile', '?0', false, ''],
        ['Sec-CH-UA-Model', '""', '', ''],
        ['Sec-CH-UA-Platform', '"Linux"', 'Linux', '"Linux"'],
        ['Sec-CH-UA-Platform', '"a \\"b\\""', 'ab', '"ab"'],
    ]) {
        const hints = new UAClientHints().setValuesFromHeaders({ [name.toLowerCase()]: value });
        const [said] = Object.values(hints.getValues()).filter((one) => one !== undefined);
        const again = hints.getValuesAsHeaders()[name];
        console.log(`${name}: ${value} is read as ${JSON.stringify(said)}, and written as "${again}", in which a reader finds ${readable(again)}`);
        assert.deepStrictEqual([said, again], [read, written]);
    }
    const set = new UAClientHints().setValues({ platform: 'a "b"' }).getValuesAsHeaders();
    console.log('set, and written:', set['Sec-CH-UA-Platform']);
    assert.strictEqual(set['Sec-CH-UA-Platform'], '"a "b""');
    assert.strictEqual(Object.values(set).filter((field) => field === '').length, 9);

    const factors = new UAClientHints().setValuesFromHeaders({ 'sec-ch-ua-form-factors': '"Desktop", "XR"' });
    assert.ok(Object.values(factors.getValues()).every((one) => one === undefined));
    const { brands } = new UAClientHints().setValuesFromHeaders({ 'sec-ch-ua': '"One, Inc.";v="9", "Two";v="8"' }).getValues();
    console.log('of two brands:', JSON.stringify(brands));
    assert.deepStrictEqual(brands.map(({ brand }) => brand), ['', '', 'Two']);
})();
JAVASCRIPT
node hints.js
echo "as described"
