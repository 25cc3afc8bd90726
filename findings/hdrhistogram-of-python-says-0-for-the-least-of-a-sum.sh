#!/usr/bin/env bash
# hdrhistogram 0.10.8, the port to Python, and hdrpy 0.3.3 say 0 for the least value of a histogram to which an empty one was added, and record a
# value too many when they correct for coordinated omission.
#
# Expected: to add a histogram is to add its values, and an empty one has none. For a value above the expected interval "a series of additional,
# decreasingly- smaller (down to the expected interval) value records" is made (HdrHistogram, Javadoc of recordValueWithExpectedInterval).
# Seen: the least value of an empty histogram is taken for 0, so that the least of 500 and 700 and nothing is 0. Of the value 1050 with an interval of
# 100 they record 1050, 950 and so on to 150, and 50, which is below the interval. hdr-histogram-js 3.0.1 says 500 and records ten values.
#
# Who sums the histograms of workers, one of which had no request, reads that the fastest request took no time; a load test with corrected values has
# a request more than it should for each slow one, and that one is fast.
#
# Usage: findings/hdrhistogram-of-python-says-0-for-the-least-of-a-sum.sh
# Needs python3 with venv, pip, Node.js 20, npm and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check hdrhistogram==0.10.8 hdrpy==0.3.3 numpy==2.2.6
python/bin/python - <<'PYTHON'
import hdrpy
from hdrh.histogram import HdrHistogram

for kind in (HdrHistogram, hdrpy.HdrHistogram):

    def histogram(*values):
        made = kind(1, 3_600_000, 3)
        for value in values:
            made.record_value(value)
        return made

    alone, sum_of, with_empty = histogram(500, 700), histogram(500), histogram(500, 700)
    sum_of.add(histogram(700))
    with_empty.add(histogram())
    least = [one.get_min_value() for one in (alone, sum_of, with_empty)]
    counts = [one.get_total_count() for one in (alone, sum_of, with_empty)]
    print(f"{kind.__module__}: the least of 500 and 700 {least[0]}; of one to which the other was added {least[1]}; and an empty one {least[2]}")
    assert (least, counts) == ([500, 500, 0], [2, 2, 2])

    corrected = histogram()
    corrected.record_corrected_value(1050, 100)
    recorded = [one.value_iterated_to for one in corrected.get_recorded_iterator()]
    print(f"{kind.__module__}: 1050 with an interval of 100: {recorded}")
    assert recorded == list(range(50, 1051, 100))
PYTHON

echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund hdr-histogram-js@3.0.1
cat >right.js <<'JAVASCRIPT'
const assert = require('assert');
const { build } = require('hdr-histogram-js');
const [sum_of, corrected] = [build(), build()];
sum_of.recordValue(500);
sum_of.add(build());
corrected.recordValueWithExpectedInterval(1050, 100);
assert.deepStrictEqual([sum_of.minNonZeroValue, corrected.totalCount, corrected.minNonZeroValue], [500, 10, 150]);
console.log('hdr-histogram-js: 500; ten values, of which the least is 150');
JAVASCRIPT
node right.js
echo "as described"
