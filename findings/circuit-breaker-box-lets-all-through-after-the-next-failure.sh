#!/usr/bin/env bash
# circuit-breaker-box 0.3.9 (Python) opens its gate again at a failure that is counted while a host is banned.
#
# Expected: a host with more failures than `max_failure_count` is banned until `reset_timeout_in_seconds` have passed. The readme shows failures
# counted behind that: its log goes on with "errors: 3" and "errors: 4", and the host stays banned.
# Seen: with `CircuitBreakerInMemory` a failure of a banned host sets the count to 1. With a limit of 1 a host is available after the first, third and
# fifth failure and banned after the second, fourth and sixth. The program of the readme passes, since it counts four. The breaker for Redis counts
# on.
#
# Requests that were on their way when the limit was passed fail soon after: with their failures the ban ends, and the host that is down gets the
# traffic.
#
# Usage: findings/circuit-breaker-box-lets-all-through-after-the-next-failure.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check circuit-breaker-box==0.3.9
python/bin/python - <<'PYTHON'
import asyncio

from circuit_breaker_box import CircuitBreakerInMemory


async def states(limit, failures):
    breaker = CircuitBreakerInMemory(reset_timeout_in_seconds=600, max_failure_count=limit, max_cache_size=16)
    seen = []
    for _ in range(failures):
        await breaker.increment_failures_count(host="a.example")
        seen.append(await breaker.is_host_available(host="a.example"))
    return seen


for limit, expected in [
    (1, [True, False, True, False, True, False]),
    (3, [True, True, True, False, True, True, True, False]),
]:
    available = asyncio.run(states(limit, len(expected)))
    print(f"limit {limit}: available after each failure: {available}")
    assert available == expected
PYTHON
echo "as described"
