#!/usr/bin/env bash
# asyncio-ttl-cache 0.0.6 (Python) answers a call of one function with the result of another that had the same arguments, and keeps a call that was
# cancelled for ever as one that gave None.
#
# Expected: "Async TTL cache" (its summary): a decorator such as functools.lru_cache, whose results belong to the function that is decorated; "2" is
# the default of the ttl in seconds.
# Seen: all functions of a process share one dictionary, whose key is made of the arguments alone. `price(1)` behind `name(1)` gives the name. If the
# task that computes a value is cancelled, as a server does when its client goes away, those who wait for the value get None, and so does each later
# call, since the entry is taken out only behind a result.
#
# Usage: findings/asyncio-ttl-cache-answers-one-function-with-the-result-of-another.sh
# Needs python3 (3.10) with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check asyncio-ttl-cache==0.0.6
python/bin/python - <<'PYTHON'
import asyncio

from asyncio_ttl_cache import ttl_cache


@ttl_cache
async def name(article):
    return f"name of {article}"


@ttl_cache
async def price(article):
    return f"price of {article}"


@ttl_cache(ttl=0.05)
async def stock(article):
    await asyncio.sleep(0.1)
    return f"stock of {article}"


async def main():
    print(f"name(1): {await name(1)}; price(1): {await price(1)}; price(2): {await price(2)}")
    assert [await name(1), await price(1), await price(2)] == ["name of 1", "name of 1", "price of 2"]

    assert await stock("kept") == "stock of kept"
    first = asyncio.create_task(stock("lost"))
    await asyncio.sleep(0)
    second = asyncio.create_task(stock("lost"))
    await asyncio.sleep(0.02)
    first.cancel()
    said = await second
    await asyncio.sleep(0.5)
    later = await stock("lost")
    print(f"beside a call that was cancelled: {said}; ten times the ttl later: {later}")
    assert (said, later) == (None, None)


asyncio.run(main())
PYTHON
echo "as described"
