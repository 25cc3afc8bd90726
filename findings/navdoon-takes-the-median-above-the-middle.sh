#!/usr/bin/env bash
# navdoon 0.3.0 (a statsd server in Python): the median of four, six, eight timings is taken one place too high.
#
# Expected: `request.median` of a timer, flushed beside count, min, max and mean: half of the timings are not above it; of an even number it is the
# mean of the two in the middle (Python's own `statistics.median`, and statsd's own median).
# Seen: of 1, 2, 3, 4 ms it is 3.5, the mean of the third and the fourth; of 10, 20, 30, 1000 it is 515 in place of 25, so that one slow request
# stands for the half of them. Two timings and odd numbers are right.
#
# Usage: findings/navdoon-takes-the-median-above-the-middle.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check navdoon==0.3.0
python/bin/python - <<'PYTHON'
import statistics

from navdoon.processor import StatsShelf
from statsdmetrics import parse_metric_from_request

said = []
for timings in ((1, 2), (1, 2, 3), (1, 2, 3, 4), (10, 20, 30, 1000), (1, 2, 3, 4, 5, 6)):
    shelf = StatsShelf()
    for timing in timings:
        shelf.add(parse_metric_from_request(f"request:{timing}|ms"))
    said.append(shelf.timers()["request"]["median"])
    print(f"{timings}: {said[-1]}, and {statistics.median(timings)} is the median")
assert said == [1.5, 2, 3.5, 515, 4.5]
PYTHON
echo "as described"
