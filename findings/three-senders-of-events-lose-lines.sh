#!/usr/bin/env bash
# Three senders of server-sent events lose lines of what they send:
#
#   @toverux/expresse 2.4.0 and express-sse-middleware 3.0.3 (Node.js): all lines of a text but the first. flask-sse 1.0.0: an event whose data is empty,
#   and an empty line at the end.
#
# Expected: each line of the data is a field `data` of its own, and an event without one is not dispatched (HTML standard, sections 9.2.5 and 9.2.6).
# The README of expresse shows `sse({ serializer: String })` for data that is no JSON.
# Seen: of `first` and `second` a client gets `first`: the second line is a field of an unknown name, or, if it is `id: 7`, of a known one; a comment
# of two lines of expresse behaves likewise. express-sse-middleware writes no id 0. flask-sse writes the name of an event with empty data, and nothing
# else, so that no client is told; the text `a` with a line feed behind it arrives as `a`.
#
# Usage: findings/three-senders-of-events-lose-lines.sh
# Needs Node.js 20, npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps @toverux/expresse@2.4.0 express-sse-middleware@3.0.3 express@4.21.2 eventsource-parser@4.1.3

cat >senders.mjs <<'JAVASCRIPT'
import assert from 'assert';
import express from 'express';
import middleware from 'express-sse-middleware';
import { createParser } from 'eventsource-parser';
import expresse from '@toverux/expresse';

const app = express();
app.get('/expresse', expresse.sse({ serializer: String }), (request, response) => {
    response.sse.data('first\nsecond');
    response.sse.data('first\nid: 7');
    response.end();
});
app.get('/middleware', middleware.sseMiddleware, (request, response) => {
    const sse = response.sse();
    sse.send('first\nsecond');
    sse.send({ id: 0, data: 'zero' });
    sse.send({ id: 1, data: 'one' });
    sse.close();
});
const server = app.listen(0, '127.0.0.1', async () => {
    for (const [path, seen] of [
        ['/expresse', [[undefined, 'first'], ['7', 'first']]],
        ['/middleware', [[undefined, 'first'], [undefined, 'zero'], ['1', 'one']]],
    ]) {
        const events = [];
        const parser = createParser({ onEvent: ({ id, data }) => events.push([id, data]) });
        parser.feed(await (await fetch(`http://127.0.0.1:${server.address().port}${path}`)).text());
        console.log(`${path}: ${JSON.stringify(events)}`);
        assert.deepStrictEqual(events, seen);
    }
    server.close();
    server.closeAllConnections();
});
JAVASCRIPT
node senders.mjs

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check flask-sse==1.0.0 httpx-sse==0.4.3 httpx==0.28.1
python/bin/python - <<'PYTHON'
from flask_sse import Message
from httpx_sse._decoders import SSEDecoder

for data, seen in [("a", "a"), ("a\n\nb", "a\n\nb"), ("a\n", "a"), ("", None)]:
    text = str(Message(data, type="changed"))
    decoder = SSEDecoder()
    events = [event for line in text.split("\n") if (event := decoder.decode(line)) and event.data]
    said = events[0].data if events else None
    print(f"flask-sse, {data!r}: {text!r}, which is {said!r}")
    assert said == seen
PYTHON
echo "as described"
