#!/usr/bin/env bash
# uddsketch 0.2.0a2 (Python): `merge` changes nothing and says nothing.
#
# Expected: `merge(self, other: "UDDSketch") -> "UDDSketch"`; that sketches can be merged is what they are for (Epicoco et al., UDDSketch: "fully
# mergeable").
# Seen: it returns the sketch as it was, without an error. Ten requests of 1 ms on one server and ninety of 100 ms on another have a median of 1 ms.
#
# Usage: findings/uddsketch-merges-nothing.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check uddsketch==0.2.0a2
python/bin/python - <<'PYTHON'
from uddsketch import UDDSketch

fast, slow, both = UDDSketch(), UDDSketch(), UDDSketch()
fast.add(1, count=10)
slow.add(100, count=90)
for value, count in [(1, 10), (100, 90)]:
    both.add(value, count=count)
merged = fast.merge(slow)
print(f"merged: {merged.num_values} values, median {merged.median():.1f}; both in one: {both.num_values}, median {both.median():.1f}")
assert (merged.num_values, both.num_values) == (10, 100)
assert merged.median() < 2 and both.median() > 98
PYTHON
echo "as described"
