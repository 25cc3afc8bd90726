#!/usr/bin/env bash
# functools2 0.1.1 (Python) keeps neither an error nor a None, and runs a function that gives one as often as it is called at once.
#
# Expected: its README: "Optionally cache exceptions to prevent slow-running functions from being repeatedly called if they are failing"
# (`cache_errors`), and "a slow function is only executed once, even if called concurrently"; of values it excepts none.
# Seen: with `cache_errors` a function that fails is run at each of three calls, as without it: the error is stored, but a stored one is never
# given. The same is so of a function that returns None, and ten calls of it at once run it ten times, one behind the other, where the README
# promises one. A function that returns a number, 0 too, is run once, by ten calls too.
#
# A look-up that finds nothing, the one most asked of a server in trouble, is never cached, and ten callers wait ten times as long.
#
# Usage: findings/functools2-keeps-no-error-and-no-none.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check functools2==0.1.1

cat >calls.py <<'PYTHON'
import asyncio

from functools2 import async_lru_cache


def counted(outcome, **options):
    """A cached function with this outcome, and how often it has run."""
    runs = []

    @async_lru_cache(ttl=60, **options)
    async def function(key):
        runs.append(key)
        await asyncio.sleep(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return function, runs


async def behind(outcome, **options):
    function, runs = counted(outcome, **options)
    said = [await asyncio.gather(function("a"), return_exceptions=True) for _ in range(3)]
    assert said == [[outcome]] * 3
    return len(runs)


async def at_once(outcome, **options):
    function, runs = counted(outcome, **options)
    said = await asyncio.gather(*(function("a") for _ in range(10)), return_exceptions=True)
    assert said == [outcome] * 10
    return len(runs)


error = LookupError("no such user")
for name, outcome, options, seen in [
    ("a number", 7, {}, (1, 1)),
    ("a zero", 0, {}, (1, 1)),
    ("None", None, {}, (3, 10)),
    ("an error", error, {}, (3, 10)),
    ("an error, cached", error, {"cache_errors": True}, (3, 10)),
]:
    runs = asyncio.run(behind(outcome, **options)), asyncio.run(at_once(outcome, **options))
    print(f"{name}: runs for three calls {runs[0]}, for ten at once {runs[1]}")
    assert runs == seen
PYTHON
python/bin/python calls.py
echo "as described"
