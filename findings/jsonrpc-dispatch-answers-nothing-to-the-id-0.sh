#!/usr/bin/env bash
# jsonrpc-dispatch 2.3.0 (Node.js): a request with the id 0 is carried out and never answered; parameters with names are lost.
#
# Expected: JSON-RPC 2.0, section 4: an id is a string, a number or null, and a notification is a request *without* an id; clients count from 0.
# Section 4.2: parameters by name, an object, or by position. Section 5.1: the code of an error is an integer, its message a string.
# Seen: id 0 (and "") is taken for a notification: the method runs, nothing is sent, and who asked waits. Of {"a": 1, "b": 2} the method is given
# nothing, so that the sum is NaN, sent as null. The code of an error is an object of a code and a message, and the message of an Error that a method
# raised is {} in JSON; of a method that there is not: "The method undefined was not found."
#
# Usage: findings/jsonrpc-dispatch-answers-nothing-to-the-id-0.sh
# Needs Node.js with npm and its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts jsonrpc-dispatch@2.3.0 >/dev/null
cat >ask.js <<'JS'
const assert = require('assert');
const { default: Dispatch } = require('jsonrpc-dispatch');

let calls = 0;
const sent = [];
const peer = new Dispatch(message => sent.push(JSON.parse(JSON.stringify(message))), {
  add: async (a, b) => { calls += 1; return a + b; },
  fail: async () => { throw new Error('no more of it'); },
});
const ask = async (id, method, params) => {
  sent.length = 0;
  peer.handle({ jsonrpc: '2.0', id, method, params });
  await new Promise(resolve => setTimeout(resolve, 50));
  return sent[0];
};
(async () => {
  const [one, zero] = [await ask(1, 'add', [1, 2]), await ask(0, 'add', [1, 2])];
  console.log('id 1:', one, 'id 0:', zero, 'calls:', calls);
  assert(one.result === 3 && zero === undefined && calls === 2);
  const named = await ask(2, 'add', { a: 1, b: 2 });
  const failed = await ask(3, 'fail', []);
  const missing = await ask(4, 'nothing', []);
  console.log(named, failed, missing);
  assert(named.result === null);
  assert.deepStrictEqual(failed.error, { message: {}, code: { message: 'Internal error', code: -32603 } });
  assert(missing.error.message === 'The method undefined was not found.' && missing.error.code.code === -32601);
})();
JS
node ask.js
echo "as described"
