#!/usr/bin/env bash
# heare-histograms 0.1.3 (Python): `+=` of another histogram adds nothing, the sum of two is sampled from the first one alone, and `+` of a point is
# None.
#
# Expected: its documentation: `+` "Returns: Self: A new Histogram instance with the combined data", `+=` "the current Histogram instance with the
# combined data", of a point, a list of points or another histogram.
# Seen: behind `a += b` a is as it was. `a + b` has all data and its mean, and `sample()` never gives one of b in a thousand draws. `a + 5` is None,
# and the 5 is in a, which nobody asked for. Nothing is raised.
#
# Usage: findings/heare-histograms-adds-nothing.sh
# Needs python3 (3.11 or later) with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check heare-histograms==0.1.3
python/bin/python - <<'PYTHON'
from heare.histograms import Histogram

few, many = Histogram(data=[1, 2, 3]), Histogram(data=[100] * 97)
both = few + many
drawn = {both.sample() for _ in range(1000)}
print(f"the mean of both: {both.mean()}, what is drawn of it: {sorted(drawn)}")
assert both.mean() == 97.06 and drawn == {1, 2, 3}

few += many
print(f"behind +=: {few.mean()}")
assert few.mean() == 2

more = few + 5
print(f"a point more: {more}, and the first one has the mean {few.mean()}")
assert more is None and few.mean() == 2.75
PYTHON
echo "as described"
