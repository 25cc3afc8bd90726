#!/usr/bin/env bash
# ssejson 1.2.0 (Node.js) tells of an event only if its data are the first line, or the second behind its name, with a blank behind the colon.
#
# Expected: the fields of an event come in any order, the blank is optional, several lines of data are one text, comments are
# ignored, and lines end with LF, CR LF or CR (HTML, sections 9.2.5 and 9.2.6).
# Seen: with an `id` before the data, with `data:{"a":1}`, or behind a comment, nothing is told, and no error. With the name of
# the event behind the data, or an `id` between the two, nothing is told either. JSON on two lines of data is an error of
# JSON.parse, and so are two events of a stream with CR LF. `data: {"a":1}` is told, as its own `serialize` writes it.
#
# A server that adds ids, so that clients can resume, falls silent for the programs that use it.
#
# Usage: findings/ssejson-drops-events-that-have-an-id.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ssejson@1.2.0 eventsource-parser@4.1.3

cat >events.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { createParser } from 'eventsource-parser';
import ssejson from 'ssejson';

const told = (text, name) => new Promise((resolve) => {
    const events = [];
    const stream = ssejson.parse(name);
    stream.on('data', (event) => events.push(event));
    stream.on('error', (error) => resolve(error.message.split(' (')[0]));
    stream.on('end', () => resolve(events));
    stream.end(text);
});
const right = (text, name = 'message') => {
    const events = [];
    const parser = createParser({ onEvent: (event) => { if ((event.event ?? 'message') === name) events.push(JSON.parse(event.data)); } });
    parser.feed(text);
    return events;
};
for (const [text, seen, name] of [
    ['data: {"a":1}\n\n', 1],
    ['id: 7\ndata: {"a":1}\n\n', 0],
    ['data:{"a":1}\n\n', 0],
    [': hello\ndata: {"a":1}\n\n', 0],
    ['event: cat\ndata: {"a":1}\n\n', 1, 'cat'],
    ['data: {"a":1}\nevent: cat\n\n', 0, 'cat'],
    ['event: cat\nid: 7\ndata: {"a":1}\n\n', 0, 'cat'],
    ['data: {"a":\ndata: 1}\n\n', 'error'],
    ['data: {"a":1}\r\n\r\ndata: {"a":1}\r\n\r\n', 'error'],
]) {
    const said = await told(text, name);
    console.log(`${JSON.stringify(text)}: ${JSON.stringify(said)}`);
    if (seen === 'error') assert.match(said, /JSON/);
    else assert.strictEqual(said.length, seen);
    assert.deepStrictEqual(right(text, name)[0], { a: 1 });
}
JAVASCRIPT
timeout 60 node events.mjs
echo "as described"
