#!/usr/bin/env bash
# Two readers of crontab lines for Python: pychronotab 1.0.7 wants the day of the month and the day of the week at once, and larzcron 0.1.0 runs on
# Sundays only where it is told every day.
#
# Expected: "if both fields are restricted ... the command will be run when either field matches the current time"; the day of the week is 0 to 7, of
# which "0 or 7 is Sunday", and ranges are inclusive (crontab(5)). pychronotab: "croniter-compatible API" (its summary).
# Seen: for `0 0 13 * 5` pychronotab waits from the 15th of January for the 13th of February 2026, a Friday, and passes over four Fridays. 7 and
# `@daily` are errors to it. `0-7` is Sunday alone to larzcron, since 7 becomes 0 before the range is made, and `5-7` is an error. croniter 7.0.0 and
# cronsim 2.8 are right.
#
# Usage: findings/pychronotab-waits-for-friday-the-13th.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pychronotab==1.0.7 larzcron==0.1.0 croniter==7.0.0 cronsim==2.8
python/bin/python -W ignore - <<'PYTHON'
from datetime import datetime

import croniter
import larzcron
import pychronotab
from cronsim import CronSim

START = datetime(2026, 1, 15, 10)
READERS = {
    "pychronotab": lambda line: pychronotab.croniter(line, START).get_next(datetime),
    "larzcron": lambda line: larzcron.CronExpression(line).next(START),
    "croniter": lambda line: croniter.croniter(line, START).get_next(datetime),
    "cronsim": lambda line: next(CronSim(line, START)),
}


def due(name, line):
    try:
        return f"{READERS[name](line):%m-%d}"
    except Exception as error:
        return type(error).__name__


for line, *seen in [
    ("0 0 * * 5", "01-16", "01-16", "01-16", "01-16"),
    ("0 0 13 * 5", "02-13", "01-16", "01-16", "01-16"),
    ("0 0 1,15 * 3", "04-01", "01-21", "01-21", "01-21"),
    ("0 0 * * 7", "CroniterBadCronError", "01-18", "01-18", "01-18"),
    ("0 0 * * 0-7", "01-16", "01-18", "01-16", "01-16"),
    ("0 0 * * 5-7", "01-16", "CronError", "01-16", "01-16"),
]:
    said = [due(name, line) for name in READERS]
    print(f"{line}: " + ", ".join(f"{name} {date}" for name, date in zip(READERS, said)))
    assert said == seen, said
PYTHON
echo "as described"
