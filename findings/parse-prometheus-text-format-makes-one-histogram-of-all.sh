#!/usr/bin/env bash
# parse-prometheus-text-format 1.1.1 (Node.js) makes one histogram of all the series of a family, and loses their labels, counts and sums.
#
# Expected: one entry for each set of labels other than `le` and `quantile`, as prom2json makes them ("The output aims to be compatible
# with that of prom2json", README); a line whose first character is a number sign is a comment, unless HELP or TYPE follows it
# (prometheus.io, "Text-based format").
# Seen: of a histogram for two routes there is one entry: the buckets are those of the route that came last, and labels, sum and
# count are gone. A summary with labels is the same. Without labels both are whole. `#comment` becomes a metric of that name with
# an empty value. prometheus-client 0.26.0 of Python reads all of it.
#
# Every server with a histogram for each route or status is read so: what is shown is the last route.
#
# Usage: findings/parse-prometheus-text-format-makes-one-histogram-of-all.sh
# Needs Node.js 20, npm and python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund parse-prometheus-text-format@1.1.1
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check prometheus-client==0.26.0

cat >two-routes.txt <<'METRICS'
#comment
# TYPE seconds histogram
seconds_bucket{route="/a",le="0.1"} 1
seconds_bucket{route="/a",le="+Inf"} 2
seconds_sum{route="/a"} 0.5
seconds_count{route="/a"} 2
seconds_bucket{route="/b",le="0.1"} 30
seconds_bucket{route="/b",le="+Inf"} 40
seconds_sum{route="/b"} 9.5
seconds_count{route="/b"} 40
METRICS
cat >no-labels.txt <<'METRICS'
# TYPE seconds histogram
seconds_bucket{le="0.1"} 1
seconds_bucket{le="+Inf"} 2
seconds_sum 0.5
seconds_count 2
METRICS
cat >parse.js <<'JAVASCRIPT'
const assert = require('assert');
const fs = require('fs');
const parse = require('parse-prometheus-text-format');
const [two, one] = ['two-routes.txt', 'no-labels.txt'].map((file) => parse(fs.readFileSync(file, 'utf8')));
console.log('two routes:', JSON.stringify(two));
console.log('no labels:', JSON.stringify(one));
assert.deepStrictEqual(two.map((family) => family.name), ['#comment', 'seconds']);
assert.deepStrictEqual(two[1].metrics, [{ buckets: { 0.1: '30', '+Inf': '40' } }]);
assert.deepStrictEqual(one[0].metrics, [{ buckets: { 0.1: '1', '+Inf': '2' }, sum: '0.5', count: '2' }]);
JAVASCRIPT
node parse.js
python/bin/python - <<'PYTHON'
from prometheus_client.parser import text_string_to_metric_families as parse

(family,) = parse(open("two-routes.txt").read())
counts = {sample.labels["route"]: sample.value for sample in family.samples if sample.name == "seconds_count"}
print("prometheus-client:", counts)
assert (family.name, len(family.samples), counts) == ("seconds", 8, {"/a": 2, "/b": 40})
PYTHON
echo "as described"
