#!/usr/bin/env bash
# traceparent 1.0.0 (Node.js) writes the version of the header that it was sent, whatever it is, and begins a new trace if the header is longer.
#
# Expected: of a header of a higher version the first four fields are read, also if more follow behind a hyphen; the new header is of
# the highest version that the program knows, 00, and all flags that it does not know are 0 in it (W3C Trace Context, "Versioning of
# traceparent" and "Other Flags").
# Seen: of `cc-...-01` it continues the trace, and sends `cc-` on, as if it knew that version. Of `cc-...-01-what` it begins another
# trace. Of the flags `ff` it sends `ff`. A header of version 00 is right.
#
# On the day that a version 01 comes, calls through such a program fall out of their traces, or carry a version whose rules they break.
#
# Usage: findings/traceparent-writes-a-version-that-it-does-not-know.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund traceparent@1.0.0

cat >versions.js <<'JAVASCRIPT'
const assert = require('assert');
const TraceParent = require('traceparent');

const trace = '0af7651916cd43dd8448eb211c80319c';
for (const [version, flags, rest, continued, sent] of [
    ['00', '01', '', true, ['00', '01']],
    ['cc', '01', '', true, ['cc', '01']],
    ['cc', '01', '-what', false, ['00', '01']],
    ['00', 'ff', '', true, ['00', 'ff']],
]) {
    const header = `${version}-${trace}-b7ad6b7169203331-${flags}${rest}`;
    const child = TraceParent.startOrResume(header, { transactionSampleRate: 1 }).toString();
    const [, trace_id] = child.split('-');
    const shown = child.replace(/-[\da-f]{16}-/, '-<id>-').replace(trace_id, trace_id === trace ? 'the trace' : 'another trace');
    console.log(`${header.replace(trace, 'the trace')}: ${shown}`);
    assert.strictEqual(trace_id === trace, continued);
    assert.deepStrictEqual([child.slice(0, 2), child.slice(-2)], sent);
}
JAVASCRIPT
node versions.js
echo "as described"
