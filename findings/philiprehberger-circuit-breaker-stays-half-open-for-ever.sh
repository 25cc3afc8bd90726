#!/usr/bin/env bash
# philiprehberger-circuit-breaker 0.4.0 (Python): an error that does not count, in the half-open state, and the breaker refuses everything for ever.
#
# Expected: its states: half open becomes closed on the next call that succeeds, open on the next one that fails; `expected_exceptions`: those that
# count as failures. Of `ExceptionFilter(thresholds=...)`: those types "use their own independent counters", all *others* go into the default one.
# Seen: the one probe that is allowed ends with a ValueError, which does not count (a caller's wrong argument): its place is never given back. Each
# later call is refused as "open", while the service is well and the state says half open; no time ends it. And with a threshold of ten for
# TimeoutError beside a default of three the third TimeoutError opens the breaker: it is counted in both.
#
# Usage: findings/philiprehberger-circuit-breaker-stays-half-open-for-ever.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check philiprehberger-circuit-breaker==0.4.0
python/bin/python - <<'PYTHON'
import time

from philiprehberger_circuit_breaker import CircuitBreaker, CircuitOpenError, ExceptionFilter


def fail(error):
    raise error


def outcome(breaker, function, *arguments):
    try:
        return breaker.call(function, *arguments)
    except Exception as error:
        return type(error).__name__


breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=0.1, expected_exceptions=(ConnectionError,))
said = [outcome(breaker, fail, ConnectionError())]
time.sleep(0.3)
said.append(outcome(breaker, fail, ValueError()))
for _ in range(3):
    time.sleep(0.3)
    said.append(outcome(breaker, lambda: "well"))
print(said, breaker.state.value)
assert said == ["ConnectionError", "ValueError"] + ["CircuitOpenError"] * 3 and breaker.state.value == "half_open"

filtered = ExceptionFilter(base_exceptions=(OSError,), thresholds={TimeoutError: 10})
breaker = CircuitBreaker(failure_threshold=3, recovery_timeout=60, exception_filter=filtered)
said = [outcome(breaker, fail, TimeoutError()) for _ in range(4)]
print(said)
assert said == ["TimeoutError"] * 3 + ["CircuitOpenError"]
PYTHON
echo "as described"
