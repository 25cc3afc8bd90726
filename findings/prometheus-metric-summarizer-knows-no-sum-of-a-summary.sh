#!/usr/bin/env bash
# prometheus-metric-summarizer 0.1.0 (Python) does not bring the sum and the count of a summary together.
#
# Expected: a summary `time` comes as `time{quantile="0.5"}`, `time_sum` and `time_count` (Prometheus, "Metric types"). The readme shows one entry for
# it, with `count`, `sum`, `avg` and the quantiles.
# Seen: the name of the series is among the labels that entries are made of, so there are three: one with the quantiles alone, whose count, sum and
# average are null; one with a sum; and one with a count. The average is null in each. Without the label `__name__` there is one entry, whose count
# and sum are null. Sum and count of a histogram are not found for the same reason; there they are guessed from the buckets without a word.
#
# Usage: findings/prometheus-metric-summarizer-knows-no-sum-of-a-summary.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check prometheus-metric-summarizer==0.1.0
python/bin/python - <<'PYTHON'
import json

from promsum.cli import summarize


def series(name, labels, values):
    return {"metric": {"__name__": name, **labels}, "values": [[1000 + 60 * at, str(value)] for at, value in enumerate(values)]}


def stats(kind, *result):
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return [summary["stats"] for summary in json.loads(summarize(kind, json.dumps(answer)))]


parts = [
    series("time", {"quantile": "0.5"}, [0.4, 0.4]),
    series("time_sum", {}, [0, 5]),
    series("time_count", {}, [0, 10]),
]
seen = [{name: entry[name] for name in ("count", "sum", "avg", "quantiles")} for entry in stats("summary", *parts)]
print(seen)
assert seen == [
    {"count": None, "sum": None, "avg": None, "quantiles": {"0.5": 0.4}},
    {"count": None, "sum": 5, "avg": None, "quantiles": {}},
    {"count": 10, "sum": None, "avg": None, "quantiles": {}},
]

for part in parts:
    del part["metric"]["__name__"]
(seen,) = stats("summary", *parts)
print(seen)
assert (seen["count"], seen["sum"], seen["avg"], seen["quantiles"]) == (None, None, None, {"0.5": 0.4})

# A histogram: the sum is 5, and 17 is guessed.
(seen,) = stats(
    "histogram",
    series("time_bucket", {"le": "1"}, [0, 9]),
    series("time_bucket", {"le": "+Inf"}, [0, 10]),
    series("time_sum", {}, [0, 5]),
    series("time_count", {}, [0, 10]),
)
print(seen)
assert seen["sum"] == 17
PYTHON
echo "as described"
