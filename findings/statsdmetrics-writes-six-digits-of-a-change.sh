#!/usr/bin/env bash
# statsdmetrics 2.0.2 (Python): the change of a gauge is written with six digits, its value with all of them; a counter of a half is not read.
#
# Expected: `to_request()` writes the metric that was given, and `parse_metric_from_request` reads it back; statsd reads any number (its own examples
# and clients have fractions in counters), and the members of a set are any text.
# Seen: GaugeDelta 16777217.0 is written as `+1.67772e+07`, which is 17 less, and 1234567.5 as `+1.23457e+06`; a Gauge of the same value, and a
# GaugeDelta of the integer, keep all digits. A sampling of 0.3333333 becomes 0.333333. `cost:0.5|c` is a ValueError, and so is the member `db:5432`
# of a set, for the line is split at each colon.
#
# Usage: findings/statsdmetrics-writes-six-digits-of-a-change.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check statsdmetrics==2.0.2
python/bin/python - <<'PYTHON'
from statsdmetrics import Gauge, GaugeDelta, parse_metric_from_request

metrics = [GaugeDelta("bytes", 16777217.0), GaugeDelta("bytes", 1234567.5), GaugeDelta("bytes", 16777217), Gauge("bytes", 16777217.0)]
lines = [metric.to_request() for metric in metrics]
same = [parse_metric_from_request(line) == metric for line, metric in zip(lines, metrics)]
print(lines, same)
assert lines == ["bytes:+1.67772e+07|g", "bytes:+1.23457e+06|g", "bytes:+16777217|g", "bytes:16777217.0|g"]
assert same == [False, False, True, True]
assert Gauge("g", 1, 0.3333333).to_request() == "g:1|g|@0.333333"

refused = []
for line in ("cost:0.5|c", "peers:db:5432|s", "cost:5|c", "peers:db|s"):
    try:
        parse_metric_from_request(line)
    except ValueError as error:
        refused.append(line)
        print(f"{line}: {error}")
assert refused == ["cost:0.5|c", "peers:db:5432|s"]
PYTHON
echo "as described"
