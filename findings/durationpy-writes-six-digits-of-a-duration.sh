#!/usr/bin/env bash
# durationpy 0.11 (Python; the client library of Kubernetes depends on it) writes at most six digits of the seconds and of the
# hours of a duration.
#
# Expected: "a module for converting between datetime.timedelta and Go's Duration strings"; a timedelta has microseconds, Go's
# Duration nanoseconds, and Go writes all digits (time.Duration.String), without an exponent, which its ParseDuration refuses.
# Seen: 12.345678 s is written `12.3457s`, 59.999999 s `60s`, 1,000,000 hours `1e+06h` and 1,234,567 hours `1.23457e+06h`, which
# neither Go nor its own `from_str` reads. Of a thousand durations of some hours with microseconds 167 come back as they
# went in. No error.
#
# A time that a program writes into a document and compares later has changed by up to 50 us, or cannot be read any more.
#
# Usage: findings/durationpy-writes-six-digits-of-a-duration.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check durationpy==0.11
python/bin/python - <<'PYTHON'
from datetime import timedelta

import durationpy

HOUR = 3600
for seconds, microseconds, text in [
    (9, 345678, "9.34568s"),
    (12, 345678, "12.3457s"),
    (59, 999999, "60s"),
    (59, 100, "59.0001s"),
    (999_999 * HOUR, 0, "999999h"),
    (1_000_000 * HOUR, 0, "1e+06h"),
    (1_234_567 * HOUR, 0, "1.23457e+06h"),
]:
    duration = timedelta(seconds=seconds, microseconds=microseconds)
    written = durationpy.to_str(duration)
    try:
        read = durationpy.from_str(written)
    except durationpy.DurationError:
        read = None
    print(f"{seconds}.{microseconds:06} s: written {written}, {'the same' if read == duration else f'read back {read}'}")
    assert written == text
    assert (read == duration) == (text in ("59.0001s", "999999h"))

durations = [timedelta(seconds=10 + number, microseconds=7 * number + 1) for number in range(0, 50_000, 50)]
back = sum(durationpy.from_str(durationpy.to_str(duration)) == duration for duration in durations)
print(f"{back} of {len(durations)} come back")
assert (back, len(durations)) == (167, 1000)
PYTHON
echo "as described"
