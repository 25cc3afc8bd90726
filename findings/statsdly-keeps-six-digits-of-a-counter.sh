#!/usr/bin/env bash
# statsdly 0.4.1 (a statsd server in Python): what it sends to Graphite has six digits, so counters and gauges above a million are rounded.
#
# Expected: the sum of a counter is flushed into Graphite as it is; Graphite stores double floats, which keep fifteen digits.
# Seen: `bytes:12345678|c` is flushed as `1.23457e+07`, 22 more than there were; of two gauges of 16777216 and 16777217 the same `1.67772e+07` is
# written, and 1000001 as `1e+06`: a gauge that grows by one stands still for ten flushes, then jumps. It is `%g`, which keeps six digits; timings
# above 1000 s lose their milliseconds.
#
# Usage: findings/statsdly-keeps-six-digits-of-a-counter.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check statsdly==0.4.1
python/bin/python - <<'PYTHON'
import statsdly

state = statsdly.State()
statsdly.handle_data(b"bytes:12345678|c\nold:16777216|g\nnew:16777217|g\nsmall:999999|g\nnext:1000001|g", state)
said = {}
for line in state.to_graphite(100).decode().splitlines():
    name, value, _ = line.split(" ")
    said[name] = float(value)
    print(line)
assert said == {"bytes.count": 12345700, "old": 16777200, "new": 16777200, "small": 999999, "next": 1000000}
PYTHON
echo "as described"
