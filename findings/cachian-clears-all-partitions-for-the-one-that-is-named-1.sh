#!/usr/bin/env bash
# cachian 0.7 (Python) clears the values of other partitions too when one is cleared, and calls a function that gave None again each time.
#
# Expected: a cache that is divided by an argument, of which one part is cleared: `clear(partition_value)`.
# Seen: a value is removed if the name of the partition stands anywhere in its key, which ends with the 64 hexadecimal digits of a hash. To clear the
# tenant `1` removes those of `12`, and nearly all others, since a 1 is among their digits; `b` and `a` do the same. Only names that no hash can have,
# such as `acme`, clear no other. None is not kept, whatever it took to find that there is nothing.
#
# Usage: findings/cachian-clears-all-partitions-for-the-one-that-is-named-1.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-deps cachian==0.7
python/bin/python - <<'PYTHON'
from cachian import Cachian


def left_behind_clear(name):
    @Cachian(ttl=60, partition_attr="tenant")
    def report(tenant, month):
        return f"{tenant} {month}"

    for tenant in ("1", "acme", "other"):
        for month in range(12):
            report(tenant=tenant, month=month)
    report.clear(name)
    keys = list(report.parent.cache_lib.keys())
    return [sum(key.startswith(f"{tenant}~") for key in keys) for tenant in ("1", "acme", "other")]


for name, within in [("acme", ([12], [0], [12])), ("1", ([0], range(5), range(5)))]:
    left = left_behind_clear(name)
    print(f"of twelve each of 1, acme and other, behind clear({name!r}): {left}")
    assert all(count in counts for count, counts in zip(left, within))

calls = []


@Cachian(ttl=60)
def nothing():
    calls.append(1)


nothing()
nothing()
print(f"a function that gives None, called twice: {len(calls)} calls")
assert len(calls) == 2
PYTHON
echo "as described"
