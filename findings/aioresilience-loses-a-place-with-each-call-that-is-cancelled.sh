#!/usr/bin/env bash
# aioresilience 0.2.1 (Python): a bulkhead loses a place with each call that is cancelled, and a circuit breaker hands out coroutines that nobody
# awaited.
#
# Expected: at most `max_concurrent` calls at a time, of which one that ended makes room for another; `call(func)` gives the result of a plain
# function or a coroutine function.
# Seen: `execute` gives a place back behind a result or an Exception; CancelledError is none since Python 3.8. Behind two clients that went away a
# bulkhead of two is "at capacity" for ever. The breaker notes by the address of a function whether it is a coroutine function: one that lies where a
# plain function was before, which is gone, is called without await, and the caller gets the coroutine. The call counts as a success.
#
# Usage: findings/aioresilience-loses-a-place-with-each-call-that-is-cancelled.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check aioresilience==0.2.1
python/bin/python - <<'PYTHON'
import asyncio
import inspect
import logging

from aioresilience.bulkhead import Bulkhead
from aioresilience.circuit_breaker import CircuitBreaker
from aioresilience.config import BulkheadConfig, CircuitConfig
from aioresilience.exceptions import BulkheadFullError

logging.disable(logging.CRITICAL)


async def answer():
    return "answer"


async def failing():
    raise ValueError("no answer")


async def main():
    bulkhead = Bulkhead("clients", BulkheadConfig(max_concurrent=2, max_waiting=0))
    for _ in range(5):
        try:
            await bulkhead.execute(failing)
        except ValueError:
            pass
    assert await bulkhead.execute(answer) == "answer"
    for _ in range(2):
        call = asyncio.create_task(bulkhead.execute(asyncio.sleep, 60))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    try:
        said = await bulkhead.execute(answer)
    except BulkheadFullError as error:
        said = str(error)
    print(f"five failures, two cancelled: {said}")
    assert "is at capacity" in said

    breaker = CircuitBreaker("service", CircuitConfig())
    coroutines = 0
    for number in range(200):
        assert await breaker.call(lambda: number) == number

        async def fetch():
            return number

        said = await breaker.call(fetch)
        if inspect.iscoroutine(said):
            coroutines += 1
            said.close()
        del fetch
    print(f"of 200 coroutine functions behind a lambda each: {coroutines} were not awaited, {breaker.metrics.failed_requests} calls failed")
    assert coroutines > 0 and breaker.metrics.failed_requests == 0


asyncio.run(main())
PYTHON
echo "as described"
