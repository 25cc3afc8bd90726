#!/usr/bin/env bash
# s3fifo 0.0.1 (Python) never finds a key in its ghost queue, so that what was evicted and comes again is treated as new.
#
# Expected: "10% small FIFO + 90% main FIFO (2-bit Clock) + ghost: insert to small FIFO if not in ghost, else insert to main FIFO" (its own
# documentation, and "FIFO Queues are All You Need for Cache Eviction", section 4).
# Seen: of a cache of ten a key is put out by a scan, asked for again, and put out by the next two others, since it stands in the small queue.
# By s3fifo-cache 0.1.1, the same algorithm by another author, it stays. The keys of the ghost queue are stored with the value None, and a key
# counts as found if what is taken out is not None.
#
# What remains is a queue of a tenth of the size for all that is asked for less than three times while it is in it: the hits that the algorithm is
# chosen for are misses.
#
# Usage: findings/s3fifo-does-not-know-its-ghosts.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for name in s3fifo==0.0.1 s3fifo-cache==0.1.1; do
    python3 -m venv "$name"
    "$name/bin/pip" install --quiet --disable-pip-version-check "$name"
done

cat >scan.py <<'PYTHON'
def hits(ask):
    for number in range(20):
        ask(f"scan {number}")
    said = [ask("scan 18")]
    for number in range(2):
        ask(f"other {number}")
    said.append(ask("scan 18"))
    return said
PYTHON
"s3fifo==0.0.1/bin/python" - <<'PYTHON'
from s3fifo import s3fifo_cache
from scan import hits


@s3fifo_cache(10)
def cached(key):
    return key


def ask(key):
    before = cached.cache_info().hits
    cached(key)
    return cached.cache_info().hits > before


said = hits(ask)
print(f"s3fifo: a key that a scan put out is found {said[0]} at once, and {said[1]} behind two others")
assert said == [False, False]
PYTHON
"s3fifo-cache==0.1.1/bin/python" - <<'PYTHON'
from s3fifo import Cache
from scan import hits

cache = Cache(10)


def ask(key):
    if cache.get(key) is not None:
        return True
    cache.put(key, key)
    return False


said = hits(ask)
print(f"s3fifo-cache: a key that a scan put out is found {said[0]} at once, and {said[1]} behind two others")
assert said == [False, True]
PYTHON
echo "as described"
