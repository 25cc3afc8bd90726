#!/usr/bin/env bash
# b3-propagation 0.1.5 (Python): the decorator for routes is a TypeError at each call, and a span within a span ends the outer one.
#
# Expected: "optional decorator for Flask routes. If you don't want to trace all routes … you can use this decorator as an alternative way to handle
# incoming B3 headers". "Any calls to `values()` whilst in the block will return the subspan IDs" (documentation of `span` and `SubSpan`). With
# the debug flag "don't also send the X-B3-Sampled header" (openzipkin/b3-propagation, "Multiple headers").
# Seen: `@span` calls `start_span` without the headers that it needs: "missing 1 required positional argument". Behind an inner `with SubSpan()` the
# outer one is no longer found: `values` gives the span of the request, and the next call below is its child, not the outer one's. With `debug`
# a request that came with X-B3-Sampled: 0 is passed on with both that and X-B3-Flags: 1.
#
# The calls of a function that calls others stand beside each other in the trace, and each decorated route answers 500.
#
# Usage: findings/b3-propagation-begins-no-span-by-its-decorator.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check b3-propagation==0.1.5
python/bin/python - <<'PYTHON'
import b3


@b3.span
def route():
    return "answered"


try:
    said = route()
except TypeError as error:
    said = str(error)
print(f"a decorated route: {said}")
assert "missing 1 required positional argument: 'headers'" in said

REQUEST = {"X-B3-TraceId": "a" * 16, "X-B3-SpanId": "b" * 16, "X-B3-Sampled": "0"}
b3.start_span(REQUEST)
with b3.SubSpan() as outer:
    assert b3.values()["X-B3-SpanId"] == outer["X-B3-SpanId"]
    with b3.SubSpan() as inner:
        assert inner["X-B3-ParentSpanId"] == outer["X-B3-SpanId"]
    behind = b3.values()["X-B3-SpanId"]
    with b3.SubSpan() as second:
        parent = second["X-B3-ParentSpanId"]
print(f"behind an inner span: {behind}, and the parent of a second one: {parent}; the request is {'b' * 16}")
assert behind == parent == "b" * 16 != outer["X-B3-SpanId"]

b3.debug = True
b3.start_span(REQUEST)
with b3.SubSpan() as passed:
    said = passed["X-B3-Flags"], passed["X-B3-Sampled"]
print(f"with debug, flags and sampled: {said}")
assert said == ("1", "0")
PYTHON
echo "as described"
