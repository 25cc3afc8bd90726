#!/usr/bin/env bash
# @platformatic/promotel 0.2.2 (Node.js) makes one bucket of all buckets of a histogram, and a histogram of a gauge whose name ends in `_count`.
#
# Expected: "Complete Metric Support: Counters, gauges, histograms, and summaries" (README). A histogram of OTLP has one bucket more than bounds, and
# the counts of its buckets add up to the count of all values (opentelemetry-proto, metrics.proto, `HistogramDataPoint`); so buckets that Prometheus
# counts as 90 up to 0.1, 99 up to 1 and 100 in all are 90, 9 and 1 with two bounds. `# TYPE` says what a metric is (Prometheus, "Text format
# details").
# Seen: the one bucket is the last line of the three, 100 values without a bound. It is a valid message. `jobs_count`, a gauge of 7 by its `# TYPE`,
# arrives as `jobs`, a histogram of 7 values without buckets; the gauge is not there. A gauge that is NaN and one with a brace in a label are left
# out. A counter and a plain gauge arrive as they are. The bytes are read by opentelemetry-proto 1.45.2 (Python).
#
# Whoever sends metrics by it has no quantile of any latency, and sees neither an error nor a gap.
#
# Usage: findings/promotel-makes-one-bucket-of-a-histogram.sh
# Needs Node.js 20, npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @platformatic/promotel@0.2.2
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check opentelemetry-proto==1.45.2

cat >metrics <<'METRICS'
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 90
latency_seconds_bucket{le="1"} 99
latency_seconds_bucket{le="+Inf"} 100
latency_seconds_sum 20
latency_seconds_count 100
# TYPE jobs_count gauge
jobs_count 7
# TYPE ratio gauge
ratio NaN
# TYPE open gauge
open{path="/users/{id}"} 4
# TYPE temperature gauge
temperature 21.5
# TYPE hits_total counter
hits_total 5
METRICS

cat >write.mjs <<'JAVASCRIPT'
import { readFileSync, writeFileSync } from 'node:fs';
import { convert, encode, parse } from '@platformatic/promotel';

writeFileSync('message', encode(convert(parse(readFileSync('metrics', 'utf8')))));
JAVASCRIPT
node write.mjs

python/bin/python - <<'PYTHON'
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

message = ExportMetricsServiceRequest()
with open("message", "rb") as file:
    message.ParseFromString(file.read())
metrics = {metric.name: metric for metric in message.resource_metrics[0].scope_metrics[0].metrics}
for name, metric in metrics.items():
    print(name, metric.WhichOneof("data"))
(point,) = metrics["latency_seconds"].histogram.data_points
print(f"buckets of 100 values: {list(point.bucket_counts)}, bounds: {list(point.explicit_bounds)}")
assert (point.count, point.sum) == (100, 20)
assert (list(point.bucket_counts), list(point.explicit_bounds)) == ([100], [])
assert metrics["jobs"].WhichOneof("data") == "histogram"
assert metrics["jobs"].histogram.data_points[0].count == 7
assert metrics["temperature"].gauge.data_points[0].as_double == 21.5
assert metrics["hits_total"].sum.data_points[0].as_double == 5 and metrics["hits_total"].sum.is_monotonic
assert set(metrics) == {"latency_seconds", "jobs", "temperature", "hits_total"}
PYTHON
echo "as described"
