#!/usr/bin/env bash
# larzlimit 0.1.0 (Python): the cost of a hit counts with one of three strategies; with the default one everything costs 1.
#
# Expected: `hit(key, cost=...)`; "Three strategies are available, each with the same API", of "at most N events per T seconds".
# Seen: of ten a minute four hits of cost 4 are 16: with `token` the third one is refused. With `sliding`, the default, and `fixed` ten of them are
# let through, 40 in a minute, and `remaining` sinks by one each; nothing is raised or written about it.
#
# Usage: findings/larzlimit-counts-one-for-any-cost.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzlimit==0.1.0
python/bin/python - <<'PYTHON'
from larzlimit import RateLimiter

let = {}
for strategy in ("sliding", "fixed", "token"):
    limiter = RateLimiter(limit=10, window=60, strategy=strategy)
    decisions = [limiter.hit("user", cost=4, now=1.0) for _ in range(12)]
    let[strategy] = sum(4 for decision in decisions if decision.allowed)
    print(f"{strategy}: {let[strategy]} of 10 let through, {decisions[0].remaining} left behind the first")
assert let == {"sliding": 40, "fixed": 40, "token": 8}
PYTHON
echo "as described"
