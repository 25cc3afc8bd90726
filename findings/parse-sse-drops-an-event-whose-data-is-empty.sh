#!/usr/bin/env bash
# parse-sse 0.1.0 (Node.js) drops an event whose data is empty, hands one out that was cut, and divides one between CR and LF.
#
# Expected: a line `data:` adds a line feed to the data, so that they are not empty, and the event is dispatched with the empty text; what has
# no empty line behind it when the stream ends is discarded; CR and LF together end one line (HTML, sections 9.2.5 and 9.2.6).
# Seen: of `event: ping`, `data:` and an empty line nothing is told, though the comment in its source calls that "per spec". Of
# `data: half` at the end of the stream the event `half` is told. If CR is the last character of a chunk and LF the first of the next, the event
# ends there: of two lines of data two events are told. eventsource-parser 4.1.3 does all three as the standard says.
#
# Heart-beats and signals without data never arrive, and a connection that breaks off gives a message that is not whole.
#
# Usage: findings/parse-sse-drops-an-event-whose-data-is-empty.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund parse-sse@0.1.0 eventsource-parser@4.1.3

cat >events.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { ServerSentEventTransformStream } from 'parse-sse';

const told = async (transform, chunks) => {
    const events = [];
    for await (const event of ReadableStream.from(chunks).pipeThrough(transform)) events.push([event.type ?? event.event ?? 'message', event.data]);
    return events;
};
for (const [chunks, seen, right] of [
    [['data: one\n\n'], [['message', 'one']], [['message', 'one']]],
    [['event: ping\ndata:\n\n'], [], [['ping', '']]],
    [['data: one\n\ndata: half'], [['message', 'one'], ['message', 'half']], [['message', 'one']]],
    [['data: one\r\ndata: two\r\n\r\n'], [['message', 'one\ntwo']], [['message', 'one\ntwo']]],
    [['data: one\r', '\ndata: two\r\n\r\n'], [['message', 'one'], ['message', 'two']], [['message', 'one\ntwo']]],
]) {
    const said = await told(new ServerSentEventTransformStream(), chunks);
    console.log(`${JSON.stringify(chunks)}: ${JSON.stringify(said)}`);
    assert.deepStrictEqual(said, seen);
    assert.deepStrictEqual(await told(new EventSourceParserStream(), chunks), right);
}
JAVASCRIPT
node events.mjs
echo "as described"
