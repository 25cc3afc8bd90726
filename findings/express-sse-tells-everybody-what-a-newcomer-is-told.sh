#!/usr/bin/env bash
# express-sse 1.0.0 (Node.js) sends its first events to all who are connected, each time that one more comes.
#
# Expected: "initial content", which a client gets when it connects (README: `new SSE(["array", "containing", "initial", "content"])`).
# Seen: the first client has got them three times when the third one is there, with further ids. Who shows what happened since shows the beginning
# again and again; of n clients n * n lists are sent. With `isCompressed` it says `Content-Encoding: deflate` for events that it does not compress,
# which no client reads.
#
# Usage: findings/express-sse-tells-everybody-what-a-newcomer-is-told.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund express-sse@1.0.0

cat >events.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const SSE = require('express-sse');

const sse = new SSE(['a', 'b']);
const compressed = new SSE(['a'], { isSerialized: true, isCompressed: true });
const server = http.createServer((request, response) => (request.url === '/' ? sse : compressed).init(request, response));
const clients = [];
const deadline = Date.now() + 10_000;

// Gives what is received, and the fields, once the first event has come.
async function client(path) {
    const received = { text: '' };
    clients.push(http.get({ port: server.address().port, path, agent: false }, (response) => {
        received.fields = response.headers;
        response.setEncoding('utf8').on('data', (text) => { received.text += text; }).on('error', () => {});
    }).on('error', () => {}));
    while (!received.text.includes('\n\n')) {
        assert.ok(Date.now() < deadline);
        await new Promise((done) => setTimeout(done, 10));
    }
    return received;
}

server.listen(0, '127.0.0.1', async () => {
    const first = await client('/');
    assert.strictEqual(first.text, 'id: 0\ndata: "a"\n\nid: 1\ndata: "b"\n\n');
    await client('/');
    const third = await client('/');
    await new Promise((done) => setTimeout(done, 200));
    const got = first.text.match(/data: .*/g).join(' ');
    console.log(`the first of three clients: ${got}; the third: ${third.text.match(/data: .*/g).join(' ')}`);
    assert.strictEqual(got, Array(3).fill('data: "a" data: "b"').join(' '));
    assert.strictEqual(third.text.match(/data: .*/g).length, 2);

    const { text, fields } = await client('/compressed');
    console.log(`isCompressed: ${fields['content-encoding']}, ${JSON.stringify(text)}`);
    assert.deepStrictEqual([fields['content-encoding'], text], ['deflate', 'id: 0\ndata: "a"\n\n']);
    for (const one of clients) one.destroy();
    server.close();
});
JAVASCRIPT
node events.js
echo "as described"
