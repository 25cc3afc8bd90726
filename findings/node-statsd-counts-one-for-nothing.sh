#!/usr/bin/env bash
# Two clients of StatsD for Node.js, node-statsd 0.1.1 and dogstatsd-node 0.0.1, count one where they are told to count zero.
#
# Expected: `increment` "increments a stat by a specified amount" (both say so in their sources' documentation), zero is an amount, and StatsD
# adds what stands before `|c` (its document of metric types).
# Seen: `increment('bytes', 0)` sends `bytes:1|c`, and `decrement('bytes', 0)` `bytes:-1|c`. hot-shots 17.1.1, lynx 0.2.0
# and dog-statsy 1.3.1 send `0` or `0|c` as they are told.
#
# Counters of bytes, of rows or of retries, which are often zero, show too much: of a thousand answers without a body a
# kilobyte.
#
# Usage: findings/node-statsd-counts-one-for-nothing.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts node-statsd@0.1.1 dogstatsd-node@0.0.1 hot-shots@17.1.1 lynx@0.2.0 dog-statsy@1.3.1

cat >count.js <<'JAVASCRIPT'
const assert = require('assert');
const dgram = require('dgram');
const { once } = require('events');

(async () => {
    const server = dgram.createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const [host, port] = ['127.0.0.1', server.address().port];
    /** What the server is told, when these are called. */
    async function told(...calls) {
        const heard = [];
        for (const call of calls) {
            call();
            const [message] = await once(server, 'message', { signal: AbortSignal.timeout(5000) });
            heard.push(message.toString().trim());
        }
        return heard;
    }

    const node_statsd = new (require('node-statsd'))({ host, port });
    const dogstatsd_node = new (require('dogstatsd-node').StatsD)(host, port);
    const hot_shots = new (require('hot-shots'))({ host, port });
    const lynx = new (require('lynx'))(host, port);
    const dog_statsy = new (require('dog-statsy'))({ host, port });
    for (const [name, expected, ...calls] of [
        ['node-statsd', ['a:5|c', 'a:1|c', 'a:-1|c'],
            () => node_statsd.increment('a', 5), () => node_statsd.increment('a', 0), () => node_statsd.decrement('a', 0)],
        ['dogstatsd-node', ['a:5|c', 'a:1|c', 'a:-1|c'],
            () => dogstatsd_node.increment('a', 5).send(), () => dogstatsd_node.increment('a', 0).send(),
            () => dogstatsd_node.decrement('a', 0).send()],
        ['hot-shots', ['a:5|c', 'a:0|c'], () => hot_shots.increment('a', 5), () => hot_shots.increment('a', 0)],
        ['lynx', ['a:5|c', 'a:0|c'], () => lynx.count('a', 5), () => lynx.count('a', 0)],
        ['dog-statsy', ['a:5|c', 'a:0|c'],
            () => { dog_statsy.incr('a', 5); dog_statsy.flush(); }, () => { dog_statsy.incr('a', 0); dog_statsy.flush(); }],
    ]) {
        const heard = await told(...calls);
        console.log(`${name}: ${heard.join(' ')}`);
        assert.deepStrictEqual(heard, expected);
    }
    process.exit();
})();
JAVASCRIPT
node --no-deprecation count.js
echo "as described"
