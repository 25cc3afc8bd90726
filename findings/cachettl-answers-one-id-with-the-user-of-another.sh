#!/usr/bin/env bash
# cachettl 1.0.4 (Python) answers a call of an async function with the result of a call that had other keyword arguments.
#
# Expected: "an elegant LRU TTL cache decorator that also works with asyncio" (its summary), as functools.lru_cache is, for which calls with other
# keyword arguments are other calls.
# Seen: the key of `async_cachettl` and `async_cachettl_min` is made of the positional arguments alone: `user(id=2)` behind `user(id=1)` gives user 1
# for as long as the ttl. The decorators for plain functions heed them, but count their time in windows of the clock: of a ttl of 2 s a value that was
# made at the end of one window is gone at once.
#
# Usage: findings/cachettl-answers-one-id-with-the-user-of-another.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check cachettl==1.0.4
python/bin/python - <<'PYTHON'
import asyncio
import time

from cachettl import async_cachettl, async_cachettl_min, cachettl


async def user(group="all", *, id):
    return f"user {id} of {group}"


async def main():
    for decorate in (async_cachettl, async_cachettl_min):
        cached = decorate(ttl=60)(user)
        said = [await cached(id=1), await cached(id=2), await cached("admins", id=2)]
        print(f"{decorate.__name__}: id=1 {said[0]}; id=2 {said[1]}; another group {said[2]}")
        assert said == ["user 1 of all", "user 1 of all", "user 2 of admins"]


asyncio.run(main())

TTL = 2
calls = []
cached = cachettl(ttl=TTL)(lambda: calls.append(time.time()))
# To a moment that is 0.3 s before the end of a window.
time.sleep(TTL - 0.3 - time.time() % TTL if time.time() % TTL < TTL - 0.3 else 2 * TTL - 0.3 - time.time() % TTL)
cached()
time.sleep(0.5)
cached()
print(f"cachettl, a ttl of {TTL} s: made again after {calls[1] - calls[0]:.1f} s")
assert len(calls) == 2 and calls[1] - calls[0] < 1
PYTHON
echo "as described"
