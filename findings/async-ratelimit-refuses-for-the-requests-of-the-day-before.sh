#!/usr/bin/env bash
# async-ratelimit 0.1.1 (Python): the sliding window in memory takes the requests of the last window in which there were any for those of the window
# before, however long ago, and says to whom it refuses that no time is to be waited for.
#
# Expected: `max_requests=10, time_window=60` are ten in each window of 60 seconds; the sliding window is "Exact — no boundary bursts" and for
# "Strict per-client fairness" (README). What is older than a window does not count. An answer of 429 comes "with a `Retry-After` header" (README),
# which says how long to wait (RFC 9110 section 10.2.3).
# Seen: of a client that sends ten requests at once each midnight all pass on the first, third and fifth day, and none on the second, fourth and
# sixth. Who is refused has a `reset_time` of 0, which the middleware writes as `Retry-After: 0`, on the first day behind the tenth request too. The
# fixed window and the token bucket of the same library let ten through each day, and say 60 and 6 seconds.
#
# A nightly job fails each second night with the limit to itself, and a client that obeys `Retry-After` asks again at once.
#
# Usage: findings/async-ratelimit-refuses-for-the-requests-of-the-day-before.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check async-ratelimit==0.1.1 pydantic==2.14.4 redis==8.1.0 starlette==1.10.0

cat >nights.py <<'PYTHON'
import asyncio
import time

from rate_limiter import AlgorithmType, RateLimiterMiddleware, RateLimiterOrchestrator, RateLimiterType
from starlette.responses import PlainTextResponse

clock = 1_700_000_000.0
time.time = lambda: clock


async def answer(server):
    """The status of a request and its Retry-After."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "client": ("192.0.2.1", 50000)}
    await server(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]).get(b"retry-after")


async def nights(algorithm):
    """How many of ten requests pass on each of six days, and what the eleventh of the first day is told."""
    global clock
    limiter = RateLimiterOrchestrator(RateLimiterType.IN_MEMORY, algorithm, max_requests=10, time_window=60)
    server = RateLimiterMiddleware(PlainTextResponse("hello"), limiter=limiter)
    passed, told = [], None
    for _ in range(6):
        answers = [await answer(server) for _ in range(10)]
        passed.append(answers.count((200, None)))
        if told is None:
            status, told = await answer(server)
            assert status == 429
        clock += 86_400
    assert all(status in (200, 429) for status, _ in answers)
    return passed, told.decode()


for algorithm, passed, told in [
    (AlgorithmType.FIXED_WINDOW, [10] * 6, "60"),
    (AlgorithmType.TOKEN_BUCKET, [10] * 6, "6"),
    (AlgorithmType.SLIDING_WINDOW, [10, 0, 10, 0, 10, 0], "0"),
]:
    said = asyncio.run(nights(algorithm))
    print(f"{algorithm.value}: of ten each day pass {said[0]}; the eleventh is told Retry-After: {said[1]}")
    assert said == (passed, told)
PYTHON
python/bin/python nights.py
echo "as described"
