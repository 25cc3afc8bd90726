#!/usr/bin/env bash
# navdoon 0.3.0 (a statsd server in Python): the last metric of a flush and the first of the next one reach Graphite in one line.
#
# Expected: Graphite's plaintext protocol, one `name value timestamp` in each line, each line ended by a newline; the server flushes every second over
# a connection that it keeps.
# Seen: lines are joined by newlines, and no newline stands behind the last one. Behind three flushes of two metrics the reader has four lines, two of
# them of the kind `b 2 100a 3 101`, which are five fields, no metric, and two metrics lost at each flush. With one metric in each flush there is one
# line that never ends.
#
# Usage: findings/navdoon-joins-two-metrics-at-each-flush.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check navdoon==0.3.0
python/bin/python - <<'PYTHON'
import socket

from navdoon.destination.graphite import Graphite

server = socket.create_server(("127.0.0.1", 0))
graphite = Graphite("127.0.0.1", server.getsockname()[1])
for second in (100, 101, 102):
    graphite.flush([("a", 1, second), ("b", 2, second)])
reader, _ = server.accept()
graphite.disconnect()
lines = reader.makefile().read()
print(lines)
good = [line for line in lines.split("\n") if len(line.split(" ")) == 3]
print(f"{len(good)} of 6 metrics can be read")
assert lines == "a 1 100\nb 2 100a 1 101\nb 2 101a 1 102\nb 2 102" and len(good) == 2
PYTHON
echo "as described"
