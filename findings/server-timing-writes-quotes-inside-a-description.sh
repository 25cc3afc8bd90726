#!/usr/bin/env bash
# server-timing 3.3.3 and header-timers 0.3.0 (Node.js) write quotes and backslashes of a description as they are into a quoted string.
#
# Expected: a description is a token or a quoted string (W3C Server Timing, section 2), in which `"` and `\` are written with a
# backslash before them (RFC 9110 section 5.6.4).
# Seen: of the description `find "x"` server-timing makes `db; dur=12; desc="find "x""`, header-timers `db;desc="find "x"";dur=..`. The string
# ends at the second quote; read by the rules of the draft, the description is `find `. With `a", b` the rest is a metric of its own that nobody
# measured. `C:\new` loses its backslash. A description without these is right.
#
# What stands in the browser's panel depends on the text of a query.
#
# Usage: findings/server-timing-writes-quotes-inside-a-description.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund server-timing@3.3.3 header-timers@0.3.0

cat >timing.mjs <<'JAVASCRIPT'
import assert from 'assert';
import header_timers from 'header-timers';
import http from 'http';
import server_timing from 'server-timing';

// The field as the draft has it read: names, and of each a description in a quoted string.
const read = (field) => {
    const metrics = [];
    let at = 0;
    const token = () => { const found = /^[\w-]*/.exec(field.slice(at))[0]; at += found.length; return found; };
    const skip = () => { while (' \t'.includes(field[at] ?? 'x')) at += 1; };
    while (at < field.length) {
        skip();
        const metric = { name: token() };
        while (at < field.length && field[at] !== ',') {
            if (field[at] !== ';') { at += 1; continue; }
            at += 1;
            skip();
            const parameter = token();
            skip();
            if (field[at] !== '=') continue;
            at += 1;
            skip();
            let value = '';
            if (field[at] === '"') {
                at += 1;
                while (at < field.length && field[at] !== '"') {
                    if (field[at] === '\\') at += 1;
                    value += field[at];
                    at += 1;
                }
                at += 1;
            } else {
                value = /^[^;,]*/.exec(field.slice(at))[0];
                at += value.length;
            }
            if (parameter === 'desc') metric.description = value;
        }
        at += 1;
        if (metric.name) metrics.push(metric);
    }
    return metrics;
};

let description;
const server = http.createServer((request, response) => {
    server_timing({ total: false })(request, response, () => {});
    response.setMetric('db', 12, description);
    response.end();
}).listen(0, '127.0.0.1', async () => {
    for (const [text, field, seen] of [
        ['find x', 'db; dur=12; desc="find x"', [{ name: 'db', description: 'find x' }]],
        ['find "x"', 'db; dur=12; desc="find "x""', [{ name: 'db', description: 'find ' }]],
        ['a", b', 'db; dur=12; desc="a", b"', [{ name: 'db', description: 'a' }, { name: 'b' }]],
        ['C:\\new', 'db; dur=12; desc="C:\\new"', [{ name: 'db', description: 'C:new' }]],
    ]) {
        description = text;
        const written = (await fetch(`http://127.0.0.1:${server.address().port}/`)).headers.get('server-timing');
        const timers = header_timers();
        timers.start('db', text);
        timers.stop('db');
        const other = timers.value().replace(/dur=.*/, 'dur=..');
        console.log(`${text}: server-timing ${written}, header-timers ${other}; read as ${JSON.stringify(read(written))}`);
        assert.strictEqual(written, field);
        assert.strictEqual(other, `db;desc="${text}";dur=..`);
        assert.deepStrictEqual(read(written), seen);
        assert.deepStrictEqual(read(other), seen);
    }
    console.log('as described');
    process.exit(0);
});
JAVASCRIPT
timeout 60 node timing.mjs
