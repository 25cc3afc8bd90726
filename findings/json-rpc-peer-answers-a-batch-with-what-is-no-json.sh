#!/usr/bin/env bash
# json-rpc-peer 0.17.0 (Node.js) answers a batch with an array of texts, which is no text and no JSON, and a batch of notifications with an empty one.
#
# Expected: to a batch "the Server should respond with an Array containing the corresponding Response objects", and if there are none it "MUST NOT
# return an empty Array and should return nothing at all" (JSON-RPC 2.0 section 6). By its README the peer is a stream, and what it gives is
# what is sent.
# Seen: of two requests in a batch it gives a JavaScript array of two texts of JSON; as text this is two objects with a comma between, without
# brackets, and as JSON an array of strings. Of a batch of notifications it gives an empty array. A request alone is answered with a text of
# JSON, and a notification with nothing.
#
# A client that collects its calls in a batch, as some do by themselves, cannot read the answer.
#
# Usage: findings/json-rpc-peer-answers-a-batch-with-what-is-no-json.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund json-rpc-peer@0.17.0

cat >batches.js <<'JAVASCRIPT'
const assert = require('assert');
const { default: Peer } = require('json-rpc-peer');

const request = (id, ...params) => ({ jsonrpc: '2.0', id, method: 'add', params });
const notification = { jsonrpc: '2.0', method: 'add', params: [1, 2] };
/** What a peer gives to the stream behind it for a message. */
async function answer(message) {
    const peer = new Peer(({ params: [first, second] }) => first + second);
    const given = [];
    peer.on('data', (data) => given.push(data));
    peer.write(JSON.stringify(message));
    for (let count = 0; count < 10; count++) await new Promise((resolve) => setImmediate(resolve));
    return given;
}

(async () => {
    const one = '{"id":1,"jsonrpc":"2.0","result":3}';
    const two = '{"id":2,"jsonrpc":"2.0","result":7}';
    for (const [name, message, seen] of [
        ['a request', request(1, 1, 2), [one]],
        ['a notification', notification, []],
        ['a batch of two requests', [request(1, 1, 2), request(2, 3, 4)], [[one, two]]],
        ['a batch of one request', [request(1, 1, 2)], [[one]]],
        ['a batch of a notification', [notification], [[]]],
    ]) {
        const said = await answer(message);
        console.log(`${name}: ${said.map((data) => `${typeof data}, as text ${data}`).join() || 'nothing'}`);
        assert.deepStrictEqual(said, seen);
    }
    assert.throws(() => JSON.parse(`${[one, two]}`), SyntaxError);
})();
JAVASCRIPT
node batches.js
echo "as described"
