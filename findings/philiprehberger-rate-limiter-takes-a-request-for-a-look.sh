#!/usr/bin/env bash
# philiprehberger-rate-limiter 0.6.0 (Python): asking for the status of a key uses up one of its requests.
#
# Expected: `status` is to "get the current rate limit status for a key" ("Check Status" in the README, whose example prints what remains), and
# `allow` to "check if a request is allowed". Only `get_stats` says of itself that it does so "without consuming a request".
# Seen: with three requests a minute and one that was allowed, `status` says 1, 0, and then that nothing is allowed; `allow` refuses the second
# request that comes. So it is with all four algorithms: `allow` is `status`. `remaining` and `get_stats` only look.
#
# A server that writes the status into the fields of its answer, or a page that shows it, halves the limit, and a monitor that asks each second uses
# all of it.
#
# Usage: findings/philiprehberger-rate-limiter-takes-a-request-for-a-look.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check philiprehberger-rate-limiter==0.6.0
python/bin/python - <<'PYTHON'
import time

from philiprehberger_rate_limiter import Algorithm, RateLimiter

time.monotonic = lambda: 1000.0
for algorithm in Algorithm:
    limiter = RateLimiter(3, 60, algorithm)
    assert limiter.allow("key")
    looks = [limiter.status("key") for _ in range(3)]
    said = [look.remaining for look in looks], looks[-1].allowed, limiter.allow("key")
    print(f"{algorithm.value}: remaining {said[0]}, at last allowed {said[1]}; the second request: {said[2]}")
    assert said == ([1, 0, 0], False, False)

    limiter = RateLimiter(3, 60, algorithm)
    assert limiter.allow("key")
    looks = [(limiter.remaining("key"), limiter.get_stats("key").remaining) for _ in range(3)]
    assert looks == [(2, 2)] * 3 and limiter.allow("key")
PYTHON
echo "as described"
