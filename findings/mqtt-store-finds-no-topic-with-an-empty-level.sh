#!/usr/bin/env bash
# mqtt-store 2.1.0 (Node.js) finds no topic with an empty level, as `/home/kitchen` has one, where it is asked for it by name.
#
# Expected: a leading slash makes a level of its own, "/finance" is not "finance", and two slashes beside each other are "a zero length topic level"
# (MQTT 3.1.1, sections 4.7.1.1 and 4.7.3). `findMatching` "takes a topic with wildcards and returns all keys that match that topic" (README).
# Seen: of `/home/kitchen`, `/home/#` and `a//b` it finds nothing, though `get` has a value for the first and the last: an empty level is
# taken for the end of the topic. `+/home/kitchen`, `a/+/b` and `#` find them, and `home/kitchen` finds its own.
#
# A house whose devices all begin their topics with a slash, as many do, has an empty list for each room.
#
# Usage: findings/mqtt-store-finds-no-topic-with-an-empty-level.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund mqtt-store@2.1.0

cat >topics.js <<'JAVASCRIPT'
const assert = require('assert');
const MQTTStore = require('mqtt-store');

const store = new MQTTStore();
const topics = ['home/kitchen', '/home/kitchen', 'a//b'];
for (const topic of topics) {
    store.put(topic, 'on');
    assert.strictEqual(store.get(topic).value, 'on');
}
for (const [pattern, seen] of [
    ['home/kitchen', ['home/kitchen']],
    ['home/#', ['home/kitchen']],
    ['+/home/kitchen', ['/home/kitchen']],
    ['a/+/b', ['a//b']],
    ['#', [...topics].sort()],
    ['/home/kitchen', []],
    ['/home/#', []],
    ['a//b', []],
]) {
    const said = store.findMatching(pattern).map(({ key }) => key).sort();
    console.log(`${pattern}: ${said.join(' ') || 'nothing'}`);
    assert.deepStrictEqual(said, seen);
}
JAVASCRIPT
node topics.js
echo "as described"
