#!/usr/bin/env bash
# larzcache 0.1.0 (Python): a value that moves up from the slow cache into the fast one has no end any more.
#
# Expected: `set(key, value, ttl)` of a tiered cache: the value is gone when its time is over, from whichever of the two it is read.
# Seen: `a` is set for half a second; it is dropped from the fast cache for `b`, and read from the slow one, which puts it into the fast one, without
# its ttl. It is handed out for as long as it stays there, for ever. A value that was never dropped ends in time.
#
# Usage: findings/larzcache-keeps-a-value-that-moved-up-behind-its-end.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzcache==0.1.0
python/bin/python - <<'PYTHON'
import time

from larzcache import FileCache, LRUCache, Tiered

cache = Tiered(LRUCache(maxsize=1), FileCache("slow"))
cache.set("a", "value", ttl=0.5)
cache.set("b", "other")
assert cache.get("a") == "value"
plain = Tiered(LRUCache(maxsize=2), FileCache("other"))
plain.set("a", "value", ttl=0.5)
time.sleep(2)
said = cache.get("a"), cache.slow.get("a"), plain.get("a")
print(f"1.5 s behind its end: moved up {said[0]}; in the slow cache {said[1]}; never moved {said[2]}")
assert said == ("value", None, None)
PYTHON
echo "as described"
