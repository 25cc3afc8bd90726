#!/usr/bin/env bash
# python-statsd 3.0.0 (Python): fractions are cut to whole numbers without a word, and a negative gauge that is sent is a decrease.
#
# Expected: `Counter.increment(subname, delta: float)`, `Gauge.increment(subname, delta: float)`, `Average.send(subname, value: float)`; statsd counts
# and keeps fractions. `Gauge.send`: "value: The gauge value to send"; metric_types.md of statsd: a sign before the value of a gauge changes it in
# place of setting it, so that a negative one has to be set to 0 first (which `Gauge.set` of the same class does).
# Seen: 0.5 is counted as 0, ten times 0.9 as 0, a gauge that grows by 2.7 grows by 2. `send(None, -5)` writes `-5|g`: a gauge of 20 becomes 15.
# `set(None, -5)` writes 0 and -5 as two datagrams, each of which is sampled for itself: at a rate of 0.5 in a quarter of all calls the 0 is left out,
# and the -5 is a decrease. Whole numbers, and negative ones that are set without sampling, are right.
#
# Usage: findings/python-statsd-counts-nothing-for-a-half.sh
# Needs python3 (3.10 or later) with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check python-statsd==3.0.0
python/bin/python - <<'PYTHON'
import random
import socket

from statsd import Connection, Counter, Gauge

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
connection = Connection(host="127.0.0.1", port=server.getsockname()[1])


def written():
    server.setblocking(False)
    lines = []
    try:
        while True:
            lines.append(server.recv(100).decode())
    except BlockingIOError:
        return lines


counter, gauge = Counter("cost", connection), Gauge("level", connection)
counter.increment(delta=0.5)
for _ in range(10):
    counter.increment(delta=0.9)
counts = written()
gauge.increment(delta=2.7)
gauge.send(None, -5)
gauge.set(None, -5)
levels = written()
print(counts, levels)
assert counts == ["cost:0|c"] * 11 and levels == ["level:+2|g", "level:-5|g", "level:0|g", "level:-5|g"]

random.seed(1)
sampled = Gauge("level", Connection(host="127.0.0.1", port=server.getsockname()[1], sample_rate=0.5))
alone = 0
for _ in range(400):
    sampled.set(None, -5)
    alone += written() == ["level:-5|g|@0.5"]
print(f"{alone} of 400 that were set to -5 are a decrease by 5")
assert 60 < alone < 140
PYTHON
echo "as described"
