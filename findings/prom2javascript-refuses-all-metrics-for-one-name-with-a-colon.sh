#!/usr/bin/env bash
# prom2javascript 0.2.0 (Node.js) refuses all metrics of a page for one name with a colon, one NaN or one label that ends with a backslash.
#
# Expected: the names of metrics may have colons, which are for the names that recording rules make (Prometheus, "Metric and label naming"; a server
# gives these out under `/federate`). `NaN`, `+Inf` and `-Inf` "are valid values", and a backslash in a label is written as two ("Text format
# details").
# Seen: `job:requests:rate5m 1` makes the whole page an error, and so do a gauge that is NaN or -Inf and the label `C:\`. The gauge `up` of the same
# page is not to be had. +Inf, a brace in a label, an exponent and a timestamp are read. prometheus-client 0.26.0 (Python) reads every page.
#
# A summary of which nothing was observed for a while has quantiles that are NaN, so all metrics of a quiet service are gone.
#
# Usage: findings/prom2javascript-refuses-all-metrics-for-one-name-with-a-colon.sh
# Needs Node.js 20, npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund prom2javascript@0.2.0
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check prometheus-client==0.26.0

cat >lines.json <<'JSON'
{
    "read": ["limit +Inf", "route{path=\"/{id}\"} 1", "bytes 1.5e3", "old 1 1700000000000"],
    "refused": ["job:requests:rate5m 1", "latency{quantile=\"0.5\"} NaN", "lowest -Inf", "free{disk=\"C:\\\\\"} 1"]
}
JSON

cat >read.js <<'JAVASCRIPT'
const assert = require('assert');
const { getMetricsFromIterator } = require('prom2javascript');
const lines = require('./lines.json');

async function main() {
    for (const line of lines.read) {
        const metrics = await getMetricsFromIterator(['# TYPE up gauge', 'up 1', line].values());
        console.log(`${line}: read`);
        assert.strictEqual(metrics.up.data[0].value, 1);
        assert.strictEqual(Object.keys(metrics).length, 2);
    }
    for (const line of lines.refused) {
        await assert.rejects(getMetricsFromIterator(['# TYPE up gauge', 'up 1', line].values()), (error) => {
            console.log(`${line}: ${error.message}`);
            return /^(Unable to parse metric|Cannot parse Prometheus label)/.test(error.message);
        });
    }
}
main();
JAVASCRIPT
node read.js

python/bin/python - <<'PYTHON'
import json

from prometheus_client.parser import text_string_to_metric_families

with open("lines.json") as file:
    lines = json.load(file)
for line in lines["read"] + lines["refused"]:
    samples = [sample for family in text_string_to_metric_families(f"# TYPE up gauge\nup 1\n{line}\n") for sample in family.samples]
    assert len(samples) == 2 and (samples[0].name, samples[0].value) == ("up", 1), samples
PYTHON
echo "as described"
