#!/usr/bin/env bash
# ratelimiter-keshav 0.1.0 (Python) answers 429 with times that are none.
#
# Expected: `Retry-After` is a date or a whole number of seconds (RFC 9110 section 10.2.3); 429 may say with it how long to wait (RFC 6585 section 4).
# A window that ends in some seconds is over then.
# Seen: with `TokenBucket` the field holds a fraction, as `Retry-After: 3.3333`, and `Retry-After: None` if nothing is filled up. With windows it is
# always 60, whatever they are: 60 for a window of one second, and for one of an hour, while `X-RateLimit-Reset` beside it has the right second. With
# `TokenBucket` that says 0, and `X-RateLimit-Limit` is a question mark.
#
# Clients that read a number and get a fraction wait not at all, or for a time of their own.
#
# Usage: findings/ratelimiter-keshav-says-retry-after-none.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check 'ratelimiter-keshav[fastapi,flask]==0.1.0' fastapi==0.138.0 flask==3.1.3 httpx==0.28.1
python/bin/python - <<'PYTHON'
import re

from fastapi import FastAPI
from fastapi.testclient import TestClient
from rate_limiter.algorithms import FixedWindow, TokenBucket
from rate_limiter.middleware import FastAPIRateLimiter
from rate_limiter.storage import InMemoryStorage


def refused(algorithm):
    app = FastAPI()
    app.add_middleware(FastAPIRateLimiter, algorithm=algorithm, storage=InMemoryStorage())
    app.get("/")(lambda: "")
    client = TestClient(app)
    answer = client.get("/")
    while answer.status_code == 200:
        answer = client.get("/")
    assert answer.status_code == 429
    fields = {name: value for name, value in answer.headers.items() if "r" in name and "content" not in name}
    print(type(algorithm).__name__, fields)
    return fields


fields = refused(TokenBucket(capacity=1, refill_rate=0.3))
assert re.fullmatch(r"3\.\d+", fields["retry-after"])
assert fields["x-ratelimit-limit"] == "?" and fields["x-ratelimit-reset"] == "0"
assert refused(TokenBucket(capacity=1, refill_rate=0))["retry-after"] == "None"
for window in (600, 3600):
    fields = refused(FixedWindow(limit=1, window_seconds=window))
    assert fields["retry-after"] == "60"
    assert int(fields["x-ratelimit-reset"]) % window == 0
PYTHON
echo "as described"
