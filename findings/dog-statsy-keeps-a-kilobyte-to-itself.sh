#!/usr/bin/env bash
# dog-statsy 1.3.1 (Node.js), a client of DogStatsD, keeps metrics that its README says it sends at once, and takes tags for a rate.
#
# Expected: "`bufferSize`: optional buffer size, if not defined, it will send the data immediately"; `.count(name, val, [tags])`; and
# "`.histogram(name)`: return histogram delta function" (README).
# Seen: without `bufferSize` the client waits for 1,024 characters, with no timer either: the forty metrics of a program that
# ends are lost, and those of a quiet service come hours late. `count('a', 1, ['route:x'])` sends `a:1|c|@route:x`, the
# tag in the place of the sample rate. `histogram(name)` gives a function that fails with "self is not defined".
# `incr`, `gauge` and `timer(name)` write what the README says, once `flush` is called.
#
# Usage: findings/dog-statsy-keeps-a-kilobyte-to-itself.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund dog-statsy@1.3.1

cat >send.js <<'JAVASCRIPT'
const assert = require('assert');
const dgram = require('dgram');
const { once } = require('events');
const { setTimeout } = require('timers/promises');
const Client = require('dog-statsy');

(async () => {
    const server = dgram.createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const address = { host: '127.0.0.1', port: server.address().port };
    const heard = [];
    server.on('message', (message) => heard.push(...message.toString().trim().split('\n')));
    const client = new Client(address);
    const flushed = async () => {
        client.flush();
        await once(server, 'message');
        return heard.splice(0);
    };

    for (let number = 0; number < 40; number += 1) client.gauge(`gauge.${number}`, number, ['route:x']);
    await setTimeout(1000);
    console.log(`a second after forty metrics: ${heard.length} have come`);
    assert.strictEqual(heard.length, 0);
    const all = await flushed();
    console.log(`after flush: ${all.length}, the first one ${all[0]}`);
    assert.deepStrictEqual([all.length, all[0]], [40, 'gauge.0:0|g|#route:x']);

    client.incr('a', 1, ['route:x']);
    client.count('a', 1, ['route:x']);
    const counted = await flushed();
    console.log(`incr: ${counted[0]}, count: ${counted[1]}`);
    assert.strictEqual(counted[1], 'a:1|c|@route:x');
    assert.throws(client.histogram('a'), /self is not defined/);
    process.exit();
})();
JAVASCRIPT
node send.js
echo "as described"
