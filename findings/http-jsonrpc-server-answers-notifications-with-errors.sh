#!/usr/bin/env bash
# http-jsonrpc-server 1.1.2 (Node.js): notifications get errors, errors have no id and no message, and a result that is undefined is no result.
#
# Expected: JSON-RPC 2.0, section 4.1: "The Server MUST NOT reply to a Notification". Section 5: a response has `result` or `error`, and an `id`, null
# if that of the request is unknown; section 5.1: an error has a code and a message. Section 7: to `[]` the error -32600 is the answer, and so it is
# to a method that is a number.
# Seen: a notification of a method that there is not is answered by {"code":-32601} with neither an id nor a message. A method that returns nothing is
# answered by an id alone: a client that tells success by `result` sees none. `[1]`, an example of JSON-RPC, has no id in its error; `[]` is a 204
# without a body; the method 1 is "not found". Requests with an id and a result are right.
#
# Usage: findings/http-jsonrpc-server-answers-notifications-with-errors.sh
# Needs Node.js 18 or later with npm and its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts http-jsonrpc-server@1.1.2 >/dev/null
cat >ask.js <<'JS'
const assert = require('assert');
const Server = require('http-jsonrpc-server');

(async () => {
  const server = new Server({ methods: { add: ([a, b]) => a + b, store: () => {} } });
  const port = await server.listen(0, '127.0.0.1');
  const ask = async request => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: JSON.stringify(request) });
    const text = await response.text();
    return text ? JSON.parse(text) : response.status;
  };
  const call = (method, rest) => ask({ jsonrpc: '2.0', method, ...rest });
  const said = {
    result: await call('add', { params: [1, 2], id: 1 }),
    'a notification': await call('nothing', {}),
    'no result': await call('store', { id: 2 }),
    'a number in a batch': await ask([1]),
    'an empty batch': await ask([]),
    'a number for a method': await call(1, { params: 'bar' }),
  };
  console.log(said);
  assert.deepStrictEqual(said, {
    result: { jsonrpc: '2.0', id: 1, result: 3 },
    'a notification': { jsonrpc: '2.0', error: { code: -32601 } },
    'no result': { jsonrpc: '2.0', id: 2 },
    'a number in a batch': [{ jsonrpc: '2.0', error: { code: -32600, message: 'Invalid jsonrpc value' } }],
    'an empty batch': 204,
    'a number for a method': { jsonrpc: '2.0', error: { code: -32601 } },
  });
  await server.close();
  process.exit(0);
})().catch(error => { console.error(error); process.exit(1); });
JS
node ask.js
echo "as described"
