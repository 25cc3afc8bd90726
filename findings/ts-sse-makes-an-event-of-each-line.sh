#!/usr/bin/env bash
# ts-sse 0.0.6 (Node.js) makes an event of each line of a text, and only the first has the name.
#
# Expected: its README: it "adopts the HTML Spec Standard". A text of several lines is one event with a field `data` for each line; an empty line is
# what ends an event (HTML standard, section 9.2.6).
# Seen: of an `update` with the event `note` and the lines `first` and `second` a client gets two events: `first` with the name `note` and `second`
# without one, which goes to the listener for messages. A text that ends with a line feed makes an event with empty data besides. An
# object, which is written as JSON on one line, arrives as one.
#
# A page that listens for `note` shows the first line of each, and what reads JSON fails at the second line of a text that was formatted.
#
# Usage: findings/ts-sse-makes-an-event-of-each-line.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ts-sse@0.0.6 eventsource-parser@3.0.6

cat >lines.mjs <<'JAVASCRIPT'
import assert from 'node:assert';
import { createParser } from 'eventsource-parser';
import sse from 'ts-sse';

/** The events that a client reads of one update, by name and data. */
async function send(data) {
    const { readable, writable } = new TransformStream();
    const text = new Response(readable).text();
    const writer = sse.getSSEWriter(writable.getWriter(), new TextEncoder());
    writer.update({ event: 'note', data });
    writer.close({});
    const events = [];
    const parser = createParser({ onEvent: (event) => events.push(`${event.event ?? 'message'}: ${event.data}`) });
    parser.feed(await text);
    return events;
}
for (const [data, seen] of [
    [{ text: 'first\nsecond' }, ['note: {"text":"first\\nsecond"}']],
    ['first', ['note: first']],
    ['first\nsecond', ['note: first', 'message: second']],
    ['first\n', ['note: first', 'message: ']],
]) {
    const said = await send(data);
    console.log(`${JSON.stringify(data)}: ${JSON.stringify(said)}`);
    assert.deepStrictEqual(said, seen);
}
JAVASCRIPT
node --no-warnings lines.mjs
echo "as described"
