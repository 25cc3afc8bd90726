#!/usr/bin/env bash
# http-string-parser 0.0.6 and http-message-parser 0.0.34 (Node.js) change the body of a message, and keep one field line of those of a name.
#
# Expected: a body is bytes behind the empty line, of the length that Content-Length says (RFC 9112 sections 2.1 and 6). Lines of
# one name make a list, or are kept apart as Set-Cookie is (RFC 9110 section 5.3).
# Seen: a body whose lines end with LF, as JSON that is written for people, has CR LF in http-string-parser: 12 bytes become 15, with the
# same Content-Length beside them. http-message-parser does the reverse to CR LF. Of two Set-Cookie or two Via both keep
# the last. Of the target `/a?at=10:30` http-message-parser makes a further field, named `10`, and a value
# of digits becomes a number: an X-Id of 0012 is 12.
#
# Recorded messages are compared and sent again with these: a signature over the body fails, and a session's cookie is missing.
#
# Usage: findings/http-string-parser-changes-the-lines-of-a-body.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund http-string-parser@0.0.6 http-message-parser@0.0.34

cat >messages.js <<'JAVASCRIPT'
const assert = require('assert');
const http_string_parser = require('http-string-parser');
const http_message_parser = require('http-message-parser');
for (const [body, first, second] of [
    ['{\n "a": 1\n}\n', '{\r\n "a": 1\r\n}\r\n', '{\n "a": 1\n}\n'],
    ['a\r\nb\r\n', 'a\r\nb\r\n', 'a\nb\n'],
]) {
    const message = `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const said = [http_string_parser.parseRequest(message).body, http_message_parser(Buffer.from(message)).body].map(String);
    console.log(`${JSON.stringify(body)}: http-string-parser ${JSON.stringify(said[0])}, http-message-parser ${JSON.stringify(said[1])}`);
    assert.deepStrictEqual(said, [first, second]);
}
const answer = 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVia: 1.1 one\r\nVia: 1.1 two\r\n\r\n';
for (const { headers } of [http_string_parser.parseResponse(answer), http_message_parser(Buffer.from(answer))]) {
    console.log('kept:', JSON.stringify(headers));
    assert.deepStrictEqual(headers, { 'Set-Cookie': 'b=2', Via: '1.1 two' });
}
const { headers } = http_message_parser(Buffer.from('GET /a?at=10:30 HTTP/1.1\r\nHost: h\r\nX-Id: 0012\r\n\r\n'));
console.log('of a target with a colon:', JSON.stringify(headers));
assert.deepStrictEqual(headers, { 10: '30 HTTP/1.1', Host: 'h', 'X-Id': 12 });
JAVASCRIPT
node messages.js
echo "as described"
