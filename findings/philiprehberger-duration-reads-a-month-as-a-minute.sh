#!/usr/bin/env bash
# philiprehberger-duration 0.4.0 (Python): what it does not know it passes over: a month becomes a minute, and a sign is lost.
#
# Expected: `parse` of a duration, also in ISO 8601, and "ValueError: If the string cannot be parsed or contains unknown units". Its documentation of
# `Duration`: negative ones are kept, and can be added, subtracted and formatted.
# Seen: `P1M`, a month, is 60 s; `-5m` and `-PT1H` are positive; `1,5h` is five hours, `1h30` one hour; of `1s 5µs` (with the micro sign that Go and
# keyboards write) 1 s is left. None raises. -300 s is formatted as `-1w 6d 23h 55m`, which it reads as 1 209 300 s; and 500 microseconds as `PT0S` in
# ISO.
#
# Usage: findings/philiprehberger-duration-reads-a-month-as-a-minute.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check philiprehberger-duration==0.4.0
python/bin/python - <<'PYTHON'
from philiprehberger_duration import format, parse

texts = ["P1M", "-5m", "-PT1H", "1,5h", "1h30", "1s 5\u00b5s"]
said = {text: parse(text) for text in texts}
written = format(-300)
print(said, written, parse(written), format(0.0005, style="iso"))
assert list(said.values()) == [60, 300, 3600, 18000, 3600, 1]
assert (written, parse(written)) == ("-1w 6d 23h 55m", 1209300)
assert format(0.0005, style="iso") == "PT0S" and format(0.5, style="iso") == "PT0.5S"
PYTHON
echo "as described"
