#!/usr/bin/env bash
# promtext-cli 0.2.0 (Python): when two lines have their labels in another order, an update of the file swaps the values of the labels.
#
# Expected: labels of the text format of Prometheus have no order: {host="a",disk="b"} and {disk="b",host="a"} are one time series. Its documentation:
# it "supports merging new metrics into existing files".
# Seen: the file has the disk `b` of the host `a`, and in the other order the disk `d` of the host `c`; a metric of another name is added to it, and
# the second line is written back as disk="c",host="d", a host that there is not. It takes the names from the first line and only the values from the
# others. Nothing is said, and the exit status is 0.
#
# Usage: findings/promtext-cli-gives-a-host-the-name-of-a-disk.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check promtext-cli==0.2.0 prometheus-client==0.22.1
python/bin/python - <<'PYTHON'
import pathlib
import subprocess

file = pathlib.Path("disks.prom")
file.write_text("# HELP full x\n# TYPE full gauge\nfull{host=\"a\",disk=\"b\"} 1\nfull{disk=\"d\",host=\"c\"} 2\n")
run = subprocess.run(["python/bin/promtext", "disks.prom", "other", "3"], capture_output=True, text=True, check=True)
print(file.read_text())
lines = [line for line in file.read_text().splitlines() if line.startswith("full{")]
assert lines == ["full{disk=\"b\",host=\"a\"} 1.0", "full{disk=\"c\",host=\"d\"} 2.0"] and run.stderr == ""
PYTHON
echo "as described"
