#!/usr/bin/env bash
# Four readers of cookies for Node.js:
#
#   koa-cookie 1.0.0 and cookie-tray 1.0.2 cut a value at its equals sign. set-cookie-serde 1.0.0 fails for an empty value, which it writes itself, and cuts
#   a path at its equals sign. simple-cookie 1.0.15 takes the date of Expires although there is a Max-Age, and leaves a value encoded that it encoded.
#
# Expected: a value may contain "=" (RFC 6265 section 4.1.1, cookie-octet), as base64 ends with; the name ends at the first one, and either side may
# be empty but for the name (section 5.2); "if a cookie has both the Max-Age and the Expires attribute, the Max-Age attribute has precedence" (section
# 4.1.2.2).
# Seen: as above. `Max-Age=0` beside a later Expires, which old browsers are sent as well, ends no cookie. cookie 1.0.2 reads the values.
#
# Usage: findings/four-readers-of-cookies-cut-a-value-or-a-path.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund koa-cookie@1.0.0 cookie-tray@1.0.2 set-cookie-serde@1.0.0 simple-cookie@1.0.15 cookie@1.0.2

cat >cookies.js <<'JAVASCRIPT'
const assert = require('assert');
const cookie = require('cookie');
const tray = require('cookie-tray');
const koa_cookie = require('koa-cookie').default;
const SetCookie = require('set-cookie-serde');
const simple = require('simple-cookie');

(async () => {
    const field = 'token=YWJj=; b=1';
    const context = { headers: { cookie: field } };
    await koa_cookie()(context, async () => {});
    const read = [context.cookie.token, tray.parse(field).token, cookie.parse(field).token];
    console.log(`${field}: koa-cookie ${read[0]}, cookie-tray ${read[1]}, cookie ${read[2]}`);
    assert.deepStrictEqual(read, ['YWJj', 'YWJj', 'YWJj=']);

    const written = String(new SetCookie({ data: { token: '' }, meta: { maxAge: 0 } }));
    assert.throws(() => new SetCookie(written), { message: 'Invalid value' });
    const { path } = new SetCookie('token=1; Path=/a=b').meta;
    console.log(`set-cookie-serde: ${written} is an invalid value; of Path=/a=b the path is ${path}`);
    assert.strictEqual(path, '/a');

    const ended = simple.parse('token=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Max-Age=0');
    const alone = simple.parse('token=1; Max-Age=0');
    const { value } = simple.parse(simple.stringify({ name: 'token', value: 'a b' }));
    console.log(`simple-cookie: with Max-Age=0 and Expires it ends in ${ended.expires.getUTCFullYear()}; \`a b\` is read as ${value}`);
    assert.ok(alone.expires <= new Date() && ended.expires.getUTCFullYear() === 2099);
    assert.strictEqual(value, 'a%20b');
})();
JAVASCRIPT
node cookies.js
echo "as described"
