#!/usr/bin/env bash
# expiring-dict 1.1.2 (Python) expires nothing at all any more once a key was set for a time, and then for a shorter one.
#
# Expected: "Python dict with TTL support for auto-expiring caches"; `cache.ttl("123", "expired", 1)` is gone a second later; keys that are set by
# `[]` of a dictionary without a TTL "will not expire" (README).
# Seen: a key is set for 0.6 s, and again for 0.1 s. It goes behind 0.1 s, and behind 0.6 s the thread that expires keys ends with a KeyError for the
# first of the two. From then on no key of this dictionary goes: the memory grows, and old values are handed out. A key that is set by `[]` over one
# that had a time goes with it.
#
# Usage: findings/expiring-dict-expires-nothing-behind-a-shorter-time.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check expiring-dict==1.1.2
python/bin/python - <<'PYTHON'
import threading
import time

from expiring_dict import ExpiringDict

ended = []
threading.excepthook = lambda what: ended.append((what.exc_type.__name__, str(what.exc_value)))


def of(change):
    cache = ExpiringDict(interval=0.02)
    change(cache)
    time.sleep(1.2)
    cache.ttl("later", "value", 0.1)
    time.sleep(1)
    return cache


def longer(cache):
    cache.ttl("key", "value", 0.1)
    cache.ttl("key", "value", 0.6)


def shorter(cache):
    cache.ttl("key", "value", 0.6)
    cache.ttl("key", "value", 0.1)


def persistent(cache):
    cache.ttl("key", "value", 0.3)
    cache["key"] = "persistent"


right = of(longer)
assert not ended and list(right) == []
kept = of(persistent)
print(f"set by [] over one with a time: {kept.get('key')}")
assert not ended and list(kept) == []
stopped = of(shorter)
print(f"set for a shorter time: the thread ended with {ended}; a key that went 0.9 s ago is {stopped.get('later')!r}")
assert ended == [("KeyError", "'key'")] and list(stopped) == ["later"]
PYTHON
echo "as described"
