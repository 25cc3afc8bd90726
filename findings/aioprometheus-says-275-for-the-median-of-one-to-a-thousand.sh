#!/usr/bin/env bash
# aioprometheus 23.12.0 (Python), by quantile-python 1.1: the quantiles of a Summary are far below the right ones as soon as there are some
# hundred values.
#
# Expected: the φ-quantile is the value at rank φ·N among the N observed ones (prometheus.io, "Histograms and summaries"); the default
# invariants of a Summary allow an error of the rank of 5 % for the median and of 0.1 % for 99 %.
# Seen: of the numbers from 1 to 1,000 the median is said to be 275, 90 % to be below 454 and 99 % below 496; right is 500, 900 and 990. From
# 1,000 down to 1 it is 140, 698 and 739, in no order 307, 578 and 658, and of 1 to 10,000 the median is 2,273. Sum and count are
# right. The same is known of the library of Ruby that the algorithm came from (issue 76 of prometheus/client_ruby).
#
# The slowest quarter of the answers is never seen: an alert on the 99th percentile is silent.
#
# Usage: findings/aioprometheus-says-275-for-the-median-of-one-to-a-thousand.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check aioprometheus==23.12.0 quantile-python==1.1
python/bin/python - <<'PYTHON'
from aioprometheus import Registry, Summary


def said(values):
    summary = Summary("milliseconds", "Time.", registry=Registry())
    for value in values:
        summary.observe({}, value)
    return summary.get({})


for name, values, seen in [
    ("1 to 1,000", range(1, 1001), [275, 454, 496]),
    ("1,000 down to 1", range(1000, 0, -1), [140, 698, 739]),
    ("1 to 10,000", range(1, 10001), [2273, 4440, 4952]),
    ("1 to 1,000 in no order", [1 + made * 619 % 1000 for made in range(1000)], [307, 578, 658]),
]:
    quantiles = said(values)
    right = [sorted(values)[int(quantile * len(values)) - 1] for quantile in (0.5, 0.9, 0.99)]
    found = [quantiles[quantile] for quantile in (0.5, 0.9, 0.99)]
    print(f"{name}: {found}, right is {right}")
    assert (quantiles["count"], quantiles["sum"]) == (len(values), sum(values))
    assert found == seen
PYTHON
echo "as described"
