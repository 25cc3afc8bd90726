#!/usr/bin/env bash
# sse-decoder 1.0.0 (Node.js) breaks a letter whose octets come in two pieces, and fails at an event without data.
#
# Expected: the stream is decoded as UTF-8 as a whole, wherever it was cut on its way, and an event without data is not dispatched (HTML standard,
# section 9.2.6). Its README: "SSE decoder for nodejs".
# Seen: of a `café` that is cut between the two octets of its last letter it gives `caf` and two replacement characters: each piece is decoded by
# itself. At `event: ping` with an empty line behind it the stream ends with a SyntaxError, since no data is no JSON, and the event that
# follows is lost. The same events in one piece, and without the ping, are read rightly; eventsource-parser 3.0.6 reads all.
#
# An answer of a language model in French or Chinese has wrong letters here and there, other ones each time, as the network cuts it.
#
# Usage: findings/sse-decoder-breaks-a-letter-that-comes-in-two-pieces.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund sse-decoder@1.0.0 eventsource-parser@3.0.6

cat >texts.mjs <<'JAVASCRIPT'
import assert from 'node:assert';
import { createParser } from 'eventsource-parser';
import { Stream } from 'sse-decoder';

console.error = () => {};
/** The texts that sse-decoder and eventsource-parser read of these pieces of a stream. */
async function read(pieces) {
    const body = new ReadableStream({
        start(controller) {
            for (const piece of pieces) controller.enqueue(piece);
            controller.close();
        },
    });
    const said = [];
    try {
        for await (const { text } of Stream.fromSSEResponse({ body }, new AbortController())) said.push(text);
    } catch (error) {
        said.push(error.name);
    }
    const right = [];
    const parser = createParser({ onEvent: ({ data }) => right.push(JSON.parse(data).text) });
    const decoder = new TextDecoder();
    for (const piece of pieces) parser.feed(decoder.decode(piece, { stream: true }));
    return { said, right };
}
const event = (text) => Buffer.from(`data: ${JSON.stringify({ text })}\n\n`);
const cafe = event('café');
const ping = Buffer.from('event: ping\n\n');
const half = cafe.indexOf(0xa9);
for (const [name, pieces, texts, seen] of [
    ['whole', [cafe, event('b')], ['café', 'b'], ['café', 'b']],
    ['cut between letters', [cafe.subarray(0, half - 1), cafe.subarray(half - 1)], ['café'], ['café']],
    ['cut inside a letter', [cafe.subarray(0, half), cafe.subarray(half)], ['café'], ['caf\ufffd\ufffd']],
    ['a ping between two', [cafe, ping, event('b')], ['café', 'b'], ['café', 'SyntaxError']],
]) {
    const { said, right } = await read(pieces);
    console.log(`${name}: ${JSON.stringify(said)}`);
    assert.deepStrictEqual(right, texts);
    assert.deepStrictEqual(said, seen);
}
JAVASCRIPT
node --no-warnings texts.mjs
echo "as described"
