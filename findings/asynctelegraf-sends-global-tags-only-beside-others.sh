#!/usr/bin/env bash
# Three clients of StatsD for Python send other metrics than they are told to.
#
#   asynctelegraf 1.0.1: `global_tags` are sent only with a metric that has tags of its own.
#   dogstatsd-collector 0.1.0: `flush` sends all that was ever collected, again at each call.
#   aio-statsd 0.2.9: `decrement` by nothing sets a gauge to zero, and `decrement` of a negative number sets it to that number.
#
# Expected: global tags are those of all metrics. "Flush all metrics, emitting each metric once per series" (documentation of `flush`), for the
# granularity "across a web request" (README). `increment` and `decrement` change a value: in StatsD a gauge with a sign is changed by it, and one
# without a sign is set (its document of metric types).
# Seen: with the global tag `host`, `incr` of asynctelegraf sends no tag without `tags=`, and both with it. Of one request counted between two
# flushes dogstatsd-collector reports 1, 2, and 2 again for a third flush without anything new. `decrement("queue", 0)` of aio-statsd sends
# `queue:0|g`, and by -3 it sends `queue:3|g`; `increment` by 0 sends `queue:+0|g`.
#
# Usage: findings/asynctelegraf-sends-global-tags-only-beside-others.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check asynctelegraf==1.0.1 dogstatsd-collector==0.1.0 aio-statsd==0.2.9 setuptools==80.9.0
python/bin/python - <<'PYTHON'
import asyncio
import socket

from aio_statsd import StatsdProtocol
from asynctelegraf import TelegrafClient
from dogstatsd_collector import DogstatsdCollector

agent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
agent.bind(("127.0.0.1", 0))
agent.settimeout(10)


async def by_telegraf():
    port = agent.getsockname()[1]
    async with TelegrafClient(host="127.0.0.1", port=port, global_tags={"host": "one"}) as client:
        client.incr("requests")
        client.incr("requests", tags={"route": "all"})
        return sorted([await asyncio.to_thread(agent.recv, 1000) for _ in range(2)])


said = asyncio.run(by_telegraf())
print(f"asynctelegraf: {said}")
assert said == [b"requests:1|c", b"requests:1|c|#host:one,route:all"]


class Agent(list):
    def increment(self, metric, value, tags):
        self.append(f"{metric}:{value:g}")

    histogram = increment


said = Agent()
collector = DogstatsdCollector(said)
for counted in (1, 1, 0):
    for _ in range(counted):
        collector.increment("requests")
    collector.flush()
print(f"dogstatsd-collector: {said}")
assert said == ["requests:1", "requests:2", "requests:2"]

for change, seen in [(2, "queue:-2|g"), (0, "queue:0|g"), (-3, "queue:3|g")]:
    said = StatsdProtocol().decrement("queue", change).msg
    print(f"aio-statsd, decrement by {change}: {said}; increment by {change}: {StatsdProtocol().increment('queue', change).msg}")
    assert said == seen
PYTHON
echo "as described"
