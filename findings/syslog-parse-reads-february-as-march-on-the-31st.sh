#!/usr/bin/env bash
# syslog-parse 2.0.0 (Node.js) reads lines of February as those of March on the 29th, 30th and 31st of a month, and lines of December as those of the
# December to come; it reads no line from an IPv6 address.
#
# Expected: the timestamp of a line is its month, day and time; "the HOSTNAME field will contain only the hostname, the IPv4 address, or the IPv6
# address of the originator" (RFC 3164 section 4.1.2).
# Seen: it takes the time of now and sets the month first: on the 31st of January the 31st of February becomes the 3rd of March, of which the day is
# set then. On the 31st of any month the lines of all months of 30 days are a month late. In January a line of yesterday is 364 days in the future. Of
# `2001:db8::1 su[0]: x` the process is 2001.
#
# Usage: findings/syslog-parse-reads-february-as-march-on-the-31st.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund syslog-parse@2.0.0

cat >lines.mjs <<'JAVASCRIPT'
import assert from 'assert';
import parse from 'syslog-parse';

const Clock = Date;
function read(now, line) {
    globalThis.Date = class extends Clock {
        constructor(...values) { super(...(values.length ? values : [now])); }
    };
    const { time } = parse(line);
    globalThis.Date = Clock;
    return new Clock(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

for (const [now, line, seen] of [
    ['2026-02-15T12:00', 'Feb  3 01:02:03 host app[1]: x', '2026-02-03T01:02'],
    ['2026-01-31T12:00', 'Feb  3 01:02:03 host app[1]: x', '2026-03-03T01:02'],
    ['2026-05-31T12:00', 'Apr 30 01:02:03 host app[1]: x', '2026-05-30T01:02'],
    ['2026-01-01T00:10', 'Dec 31 23:59:59 host app[1]: x', '2026-12-31T23:59'],
]) {
    const said = read(now, line);
    console.log(`${line}, read on ${now}: ${said}`);
    assert.strictEqual(said, seen);
}
const { host, process: name } = parse('<13>Oct 11 22:14:15 2001:db8::1 su[0]: x');
console.log(`2001:db8::1 su[0]: host ${JSON.stringify(host)}, process ${name}`);
assert.deepStrictEqual([host, name], ['', '2001']);
JAVASCRIPT
node lines.mjs
echo "as described"
