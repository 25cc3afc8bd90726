#!/usr/bin/env bash
# Five matchers of MQTT topics for Node.js let `#` and `+` match topics of the broker, and some do not know an empty level:
#
#   mqtt-match 3.0.0, mqtt-wildcard 3.0.9, mqtt-emitter 4.1.0: `#` and `+/load` match `$SYS/load`.
#   mqtt-pattern 2.1.1, mqtt-regex 1.1.0: the same, and `+/+` does not match `/finance`, nor `a/+/c` the topic `a//c`.
#   mqtt-regex 1.1.0: `a/b` matches `a/b/`, which is another topic.
#
# Expected: a filter "starting with a wildcard character" must not match a topic that begins with `$`; `+/+` and `/+` match `/finance`, since
# an empty level is a level; `a/b/` and `a/b` are two topics (MQTT 5.0 sections 4.7.1.1, 4.7.1.3, 4.7.2 and 4.7.3; 3.1.1 says the same).
# Seen: as above. paho-mqtt 2.1.0 (Python) answers as the standard says.
#
# A listener for all devices also gets the broker's figures; one for all rooms misses those of a house without a name.
#
# Usage: findings/mqtt-matchers-of-node-give-the-broker-its-own-topics.sh
# Needs Node.js 20, npm with its registry, python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund mqtt-match@3.0.0 mqtt-wildcard@3.0.9 mqtt-emitter@4.1.0 mqtt-pattern@2.1.1 mqtt-regex@1.1.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check paho-mqtt==2.1.0

cat >match.js <<'JAVASCRIPT'
const match = require('mqtt-match');
const Emitter = require('mqtt-emitter');
const pattern = require('mqtt-pattern');
const regex = require('mqtt-regex');
const wildcard = require('mqtt-wildcard');

const emits = (filter, topic) => {
    const emitter = new Emitter();
    emitter.on(filter, () => {});
    return emitter.emit(topic, '');
};
for (const line of require('fs').readFileSync('pairs', 'utf8').trim().split('\n')) {
    const [filter, topic] = line.split(' ');
    const said = [match(filter, topic), wildcard(topic, filter) !== null, emits(filter, topic), pattern.matches(filter, topic),
        regex(filter).exec(topic) !== undefined];
    console.log(`${line}: ${said.map((yes) => (yes ? 'yes' : 'no')).join(' ')}`);
}
JAVASCRIPT
cat >match.py <<'PYTHON'
from paho.mqtt.client import topic_matches_sub

for line in open("pairs"):
    print(line.strip(), "yes" if topic_matches_sub(*line.split()) else "no")
PYTHON
cat >pairs <<'PAIRS'
# $SYS/load
+/load $SYS/load
$SYS/# $SYS/load
+/+ /finance
/+ /finance
a/+/c a//c
a/b a/b/
a/b a/b
PAIRS
python/bin/python match.py | tee right
diff - right <<'RIGHT'
# $SYS/load no
+/load $SYS/load no
$SYS/# $SYS/load yes
+/+ /finance yes
/+ /finance yes
a/+/c a//c yes
a/b a/b/ no
a/b a/b yes
RIGHT
echo "mqtt-match, mqtt-wildcard, mqtt-emitter, mqtt-pattern, mqtt-regex:"
node match.js | tee seen
diff - seen <<'SEEN'
# $SYS/load: yes yes yes yes yes
+/load $SYS/load: yes yes yes yes yes
$SYS/# $SYS/load: yes yes yes yes yes
+/+ /finance: yes yes yes no no
/+ /finance: yes yes yes yes yes
a/+/c a//c: yes yes yes no no
a/b a/b/: no no no no yes
a/b a/b: yes yes yes yes yes
SEEN
echo "as described"
