#!/usr/bin/env bash
# heapy 0.7 (Python), an indexed priority queue, gives items in the wrong order behind a removal, and cannot remove the last one of its list.
#
# Expected: "an priority queue built with an in-place modifiable binary heap" (README); "remove and return the min tuple, or the tuple for the
# specified key" (documentation of `pop`, which `remove` calls).
# Seen: of seven items the one with the weight 14 is removed, and the queue then gives 2, 3, 9, 4, 25 and 29: what takes the place of the removed
# one is moved down, but never up. To remove what stands last in the list, such as the second of two items, is an IndexError, and the key is gone
# from the index behind it. Items that are taken in their order alone come well, and so they do from Python's heapq.
#
# A timer that is cancelled lets others run too late, or takes the loop down.
#
# Usage: findings/heapy-gives-a-later-item-first-behind-a-removal.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check heapy==0.7
python/bin/python - <<'PYTHON'
from heapy.pqueue import pqueue_min

WEIGHTS = [9, 3, 25, 14, 29, 4, 2]


def order(removed=None):
    queue = pqueue_min()
    for weight in WEIGHTS:
        queue.push((f"key {weight}", weight))
    if removed is not None:
        assert queue.remove(f"key {removed}") == (f"key {removed}", removed)
    return [queue.pop()[1] for _ in range(len(queue))]


print(f"without a removal: {order()}; without 14: {order(14)}")
assert order() == sorted(WEIGHTS)
assert order(14) == [2, 3, 9, 4, 25, 29]

queue = pqueue_min()
queue.push(("first", 1))
queue.push(("second", 2))
try:
    said = queue.remove("second")
except IndexError as error:
    said = error
print(f"the second of two removed: {said!r}, in the queue: {'second' in queue}")
assert isinstance(said, IndexError) and "second" not in queue
PYTHON
echo "as described"
