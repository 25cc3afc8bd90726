#!/usr/bin/env bash
# distogram 3.0.3 (Python) counts the least values by their size: of 10000 times it finds 25 below a limit in milliseconds, and 18146 in
# microseconds.
#
# Expected: `count_at` is "an estimation of the real count" of "the number of elements present in the distribution up to value", `bounds` "the min
# and max values" (its documentation); the unit of the values says nothing of their number.
# Seen: 10000 times lie evenly between 100 and 200 ms, so that 101 are at most 101 ms. Below the middle of its first bin, which is at 102 ms, the
# library takes half of that middle itself, where it should take half of the number in the bin: it finds 25, or 0 with times in seconds, or 18146,
# more than there are, in microseconds. From that middle on all units give the true number. A histogram that is joined to another by `merge` loses
# its least and greatest value: the greatest of 10000 numbers is 9608.
#
# "Requests faster than" is wrong for the fastest ones, where a limit of service is often set.
#
# Usage: findings/distogram-counts-more-than-there-are-by-the-unit-of-a-value.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check distogram==3.0.3

cat >times.py <<'PYTHON'
import distogram


def filled(values, bins):
    histogram = distogram.Distogram(bins)
    for value in values:
        histogram = distogram.update(histogram, value)
    return histogram


# 100.00 to 199.99 ms, each hundredth once, in a mixed order.
times = [100 + number * 7919 % 10000 / 100 for number in range(10000)]
for unit, factor, below, behind in [("s", 0.001, 0, 300), ("ms", 1, 25, 300), ("us", 1000, 18146, 300)]:
    histogram = filled([time * factor for time in times], 20)
    assert distogram.count(histogram) == 10000
    said = [round(distogram.count_at(histogram, limit * factor)) for limit in (101, 103, 150)]
    print(f"times in {unit}: up to 101 ms {said[0]}, up to 103 ms {said[1]}, up to 150 ms {said[2]}")
    assert said[0] == below
    assert said[1] == behind and abs(said[2] - 5000) < 50
print(f"in truth: {', '.join(str(sum(time <= limit for time in times)) for limit in (101, 103, 150))}")

small, large = filled(range(1000), 10), filled(range(10000), 10)
bounds = distogram.bounds(small), distogram.bounds(large), distogram.bounds(distogram.merge(small, large))
print(f"bounds of two: {bounds[0]} {bounds[1]}, merged: {bounds[2]}")
assert bounds[:2] == ((0, 999), (0, 9999))
assert bounds[2][0] == 0 and 9600 < bounds[2][1] < 9610
PYTHON
python/bin/python times.py
echo "as described"
