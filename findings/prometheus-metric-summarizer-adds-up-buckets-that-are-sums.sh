#!/usr/bin/env bash
# prometheus-metric-summarizer 0.1.0 (Python) takes each bucket of a histogram for those values that are in no lower one.
#
# Expected: a bucket counts all values up to its `le`, so each holds those below it too (Prometheus, "Metric types"). The package promises quantiles
# by "bucket reconstruction", from answers of `query_range`.
# Seen: the counts of the buckets are added up once more. Of 100 requests, of which 90 took up to 0.1 s and ten up to 1 s, the median is said to be
# 1.45 s, which none of them took; p90, p95 and p99 are Infinity, the sum 1859.5 s and the average 18.6 s. The right median lies at 0.06 s, and all
# quantiles at or below 1 s. A histogram whose values are all in the lowest bucket has no p90 either.
#
# The more buckets lie above the slowest request, the slower the service is made to look.
#
# Usage: findings/prometheus-metric-summarizer-adds-up-buckets-that-are-sums.sh
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


buckets = [series("time_bucket", {"le": le}, [0, count]) for le, count in [("0.1", 90), ("1", 100), ("10", 100), ("+Inf", 100)]]
(seen,) = stats("histogram", *buckets)
print(seen)
assert seen["count"] == 100
assert round(seen["p50"], 2) == 1.45
assert seen["p90"] == seen["p95"] == seen["p99"] == float("inf")
assert round(seen["sum"], 1) == 1859.5 and round(seen["avg"], 1) == 18.6
assert seen["dominant_bucket"] == 1

# The same from counts that are no sums: what it would need.
plain = [series("time_bucket", {"le": le}, [0, count]) for le, count in [("0.1", 90), ("1", 10), ("10", 0), ("+Inf", 0)]]
(seen,) = stats("histogram", *plain)
print(seen)
assert round(seen["p50"], 2) == 0.06 and seen["p99"] <= 1

lowest = [series("time_bucket", {"le": le}, [0, 100]) for le in ("0.1", "1", "10", "+Inf")]
(seen,) = stats("histogram", *lowest)
print(seen)
assert seen["p90"] == float("inf")
PYTHON
echo "as described"
