#!/usr/bin/env bash
# callback-lru-cache 0.0.7 and async-lru-cache 0.2.0 (Python) give the value of -1 for -2, and that of another for each argument with an equal hash.
#
# Expected: an "LRU Cache" that "provides the similar usage as functions.lru_cache" and a "Least Recently Used cache decorator for Python async
# functions" (their READMEs): calls with other arguments are other calls, as functools.lru_cache has it. Values that are not equal may have one hash
# (Python's data model, `__hash__`).
# Seen: both keep values under the hash alone, and -1 and -2 have the same, as 0 and 2 to the 61st less 1 have. Behind a call for -1 the function is
# not called for -2. callback-lru-cache fails for a function of two arguments, since `hash` takes one; async-lru-cache has the same for -1 beside
# others. functools.lru_cache calls the function for each, and so do both for 1 and 2.
#
# "The day before" is answered with yesterday, or the last but one element with the last.
#
# Usage: findings/two-caches-for-python-give-the-value-of-minus-one-for-minus-two.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check callback-lru-cache==0.0.7 async-lru-cache==0.2.0

cat >calls.py <<'PYTHON'
import asyncio
import functools

import async_lru_cache
import callback_lru_cache

words = ["first", "last but one", "last"]


def plain(number):
    return number


async def later(number):
    return number


async def two(word, number):
    return f"{word} {words[number]}"


def ask(function, *numbers):
    return [function(number) for number in numbers]


def ask_later(*numbers):
    async def all_of_them():
        function = async_lru_cache.alru_cache()(later)
        return [await function(number) for number in numbers]

    return asyncio.run(all_of_them())


for numbers, seen in [((1, 2), [1, 2]), ((-1, -2), [-1, -1]), ((-2, -1), [-2, -2]), ((0, 2**61 - 1), [0, 0])]:
    standard = ask(functools.lru_cache(9)(plain), *numbers)
    callback = ask(callback_lru_cache.lru_cache(9)(plain), *numbers)
    late = ask_later(*numbers)
    print(f"{numbers}: functools {standard}, callback-lru-cache {callback}, async-lru-cache {late}")
    assert standard == list(numbers)
    assert callback == late == seen


async def beside():
    function = async_lru_cache.alru_cache()(two)
    return [await function("the", -1), await function("the", -2), await function("a", -2)]


said = asyncio.run(beside())
print(f"words: {said}")
assert said == ["the last", "the last", "a last but one"]
try:
    callback_lru_cache.lru_cache(9)(lambda one, other: one)(1, 2)
    failure = ""
except TypeError as error:
    failure = str(error)
print(f"two arguments: {failure}")
assert "hash() takes exactly one argument" in failure
PYTHON
python/bin/python calls.py
echo "as described"
