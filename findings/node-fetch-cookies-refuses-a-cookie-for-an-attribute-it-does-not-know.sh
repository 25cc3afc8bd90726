#!/usr/bin/env bash
# node-fetch-cookies 2.1.1 (Node.js) refuses a cookie that has an attribute which it does not know, and keeps one cookie of a name for all paths.
#
# Expected: "ignore any attributes ... that the user agent does not recognize" (RFC 6265 section 4.1.2; section 5.2 has it so as well), a date may
# have one digit for the day (section 5.1.1), and cookies of one name with different paths are different cookies (section 5.3, step 11).
# Seen: `Partitioned` and `Priority=High` make the jar ignore the whole cookie, as an empty attribute, `Expires` with `1 Jan`, and a Max-Age of more
# than 68 years do. Of two cookies with the paths /a and /b only the second is kept. A session behind a server that sets `Partitioned` is lost at
# once. tough-cookie 6.0.0 keeps all of them.
#
# Usage: findings/node-fetch-cookies-refuses-a-cookie-for-an-attribute-it-does-not-know.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund node-fetch-cookies@2.1.1 tough-cookie@6.0.0

cat >jar.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { CookieJar } from 'node-fetch-cookies';
import * as tough from 'tough-cookie';

const page = 'https://example.org/a/page';
async function kept(...fields) {
    const jar = new CookieJar();
    const other = new tough.CookieJar();
    for (const field of fields) {
        jar.addCookie(field, page);
        await other.setCookie(field, page);
    }
    const sent = [...jar.cookiesValidForRequest(page)].map((cookie) => cookie.serialize()).join('; ');
    return [sent, await other.getCookieString(page)];
}

for (const [fields, seen, right] of [
    [['id=1; Path=/; Secure; HttpOnly; SameSite=None'], 'id=1', 'id=1'],
    [['id=1; Path=/; Secure; HttpOnly; SameSite=None; Partitioned'], '', 'id=1'],
    [['id=1; Path=/; Priority=High'], '', 'id=1'],
    [['id=1; Path=/;'], '', 'id=1'],
    [['id=1; Path=/; Expires=Thu, 1 Jan 2099 00:00:00 GMT'], '', 'id=1'],
    [['id=1; Path=/; Max-Age=3000000000'], '', 'id=1'],
    [['id=1; Path=/a', 'id=2; Path=/b'], '', 'id=1'],
]) {
    const said = await kept(...fields);
    console.log(`${fields.join(' and ')}: node-fetch-cookies ${said[0] || 'nothing'}, tough-cookie ${said[1]}`);
    assert.deepStrictEqual(said, [seen, right]);
}
JAVASCRIPT
node --no-deprecation jar.mjs
echo "as described"
