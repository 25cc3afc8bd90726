#!/usr/bin/env bash
# larzmetrics 0.1.0 (Python) renders no metric at all if one gauge is NaN or infinite, or one histogram has the bucket +Inf, and breaks a help text
# into lines.
#
# Expected: "`render()` produces the standard text exposition format" (README), in which "NaN, +Inf, and -Inf" are valid values, and a line feed of a
# help text is written `\n` (Prometheus, exposition formats).
# Seen: `render` fails with "cannot convert float NaN to integer", or infinity, and the whole of /metrics is an error: a ratio of nothing by nothing
# hides all other metrics. A help text of two lines becomes two lines, of which the second is no valid one; prometheus-client 0.26.0 refuses the
# whole.
#
# Usage: findings/larzmetrics-renders-nothing-for-one-gauge-that-is-nan.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzmetrics==0.1.0 prometheus-client==0.26.0
python/bin/python - <<'PYTHON'
from larzmetrics import Registry
from prometheus_client.parser import text_string_to_metric_families


def rendered(change):
    registry = Registry()
    registry.counter("requests", "requests").inc(3)
    change(registry)
    try:
        text = registry.render()
        return len(list(text_string_to_metric_families(text)))
    except (OverflowError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


for what, change, seen in [
    ("a gauge of 1.5", lambda registry: registry.gauge("ratio", "ratio").set(1.5), 2),
    ("a gauge that is NaN", lambda registry: registry.gauge("ratio", "ratio").set(float("nan")), "ValueError: cannot convert float NaN to integer"),
    ("an infinite gauge", lambda registry: registry.gauge("ratio", "ratio").set(float("inf")), "OverflowError: cannot convert float infinity to integer"),
    (
        "the bucket +Inf",
        lambda registry: registry.histogram("seconds", "seconds", buckets=[1, float("inf")]).observe(2),
        "OverflowError: cannot convert float infinity to integer",
    ),
]:
    said = rendered(change)
    print(f"{what}: {said}")
    assert said == seen
said = rendered(lambda registry: registry.gauge("ratio", "hits by\nrequests").set(1.5))
print(f"a help text of two lines: {said}")
assert isinstance(said, str) and said.startswith("ValueError")
PYTHON
echo "as described"
