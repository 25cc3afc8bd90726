#!/usr/bin/env bash
# throttled-py 3.5.0 (Python): a token bucket whose burst is smaller than its rate lets the burst through each second, not the rate.
#
# Expected: "100/s burst 10" is 100 tokens a second and a bucket of 10 ("Set quota: 1,000 tokens per second (limit), bucket size 1,000
# (burst)"; "`burst` means extra bucket capacity for traffic spikes", README). Whoever asks all the time gets 100 a second.
# Seen: with the token bucket, which is the default, and with the leaky bucket it is 10 a second, a tenth; "10/s burst 1" is 1 a second, and
# "120/m burst 1", two a second, is one. Tokens come at the change of a whole second, and what is above the bucket then is lost. The
# same quota with GCRA of the same library is obeyed to the token. With a burst as large as the rate, which is what no burst means, all
# tokens of a second come at once.
#
# A limit that was meant to smooth refuses nine of ten requests of a service that is far below its limit.
#
# Usage: findings/throttled-py-lets-ten-through-where-a-hundred-may-pass.sh
# Needs python3 with venv, pip and its index; takes 25 seconds. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check throttled-py==3.5.0
python/bin/python - <<'PYTHON'
import time

from throttled import Throttled, store

SECONDS = 4


def passed(quota, algorithm):
    """How many of those who ask all the time are let through, behind the first burst, a second."""
    limit = Throttled(key="one", using=algorithm, quota=quota, store=store.MemoryStore())
    while not limit.limit().limited:
        pass
    # From the middle of a whole second, so that it changes as many times as there are seconds.
    time.sleep((0.5 - time.time()) % 1)
    while not limit.limit().limited:
        pass
    end = time.time() + SECONDS
    count = 0
    while time.time() < end:
        count += not limit.limit().limited
        time.sleep(0.0005)
    return count / SECONDS


for quota, right, seen in [("100/s burst 10", 100, 10), ("10/s burst 1", 10, 1)]:
    counts = {algorithm: passed(quota, algorithm) for algorithm in ("token_bucket", "leaking_bucket", "gcra")}
    print(f"{quota}: a second pass", counts)
    assert counts["token_bucket"] == counts["leaking_bucket"] == seen
    assert 0.9 * right <= counts["gcra"] <= 1.1 * right
PYTHON
echo "as described"
