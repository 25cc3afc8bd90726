#!/usr/bin/env bash
# Four writers of GELF for Python do not write a message of a level that is not one of the five of logging:
#
#   pygelf 0.4.3 and gelf-formatter 1.0.0: the message is lost. logging-gelf 0.0.32: it becomes an alert. python-graylog 0.3.0: its level is 25.
#
# gelf-formatter also loses each message that is logged with `exc_info=False`, and pygelf each one of 128 chunks.
#
# Expected: `logging.addLevelName` adds levels, such as 25 for a notice, and handlers map any number (logging, documentation of levels). `level` is
# "the level equal to the standard syslog levels", 0 to 7. "exc_info ... does not evaluate as false" is what adds an exception. A message may have "up
# to 128 chunks" (GELF, specification).
# Seen: as above; pygelf and gelf-formatter fail with KeyError, which logging writes to stderr, or to nowhere. Behind `exc_info=False` gelf-formatter
# fails for a boolean. pygelf fails for the number 128 of chunks, since it is written as a signed byte; 127 are sent. gray-elf 0.2.0 writes 6 for 25.
#
# Usage: findings/four-gelf-writers-lose-or-raise-a-level-of-ones-own.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pygelf==0.4.3 gelf-formatter==1.0.0 logging-gelf==0.0.32 marshmallow==3.26.1 \
    python-graylog==0.3.0 gray-elf==0.2.0
python/bin/python - <<'PYTHON'
import json
import logging
import socket
import zlib

from gelfformatter import GelfFormatter as OfGelfFormatter
from graylog import GELFUDPHandler
from gray_elf import GelfFormatter as OfGrayElf
from logging_gelf.formatters import GELFFormatter as OfLoggingGelf
from pygelf import GelfUdpHandler

logging.addLevelName(25, "NOTICE")


def record(level, exc_info=None):
    return logging.LogRecord("service", level, "file.py", 1, "message", None, exc_info)


pygelf, graylog = GelfUdpHandler("127.0.0.1", 9), GELFUDPHandler("127.0.0.1", 9, compress=False)
writers = {
    "pygelf": lambda one: json.loads(zlib.decompress(pygelf.makePickle(one))),
    "gelf-formatter": lambda one: json.loads(OfGelfFormatter().format(one)),
    "logging-gelf": lambda one: json.loads(OfLoggingGelf().format(one)),
    "python-graylog": lambda one: json.loads(graylog.makePickle(one)),
    "gray-elf": lambda one: json.loads(OfGrayElf().format(one)),
}


def level(write, *what):
    try:
        return write(record(*what))["level"]
    except (KeyError, TypeError) as error:
        return type(error).__name__


for name, notice, without in [
    ("pygelf", "KeyError", 6),
    ("gelf-formatter", "KeyError", "TypeError"),
    ("logging-gelf", 1, 6),
    ("python-graylog", 25, 6),
    ("gray-elf", 6, 6),
]:
    seen = [level(writers[name], number) for number in (20, 25, 30)] + [level(writers[name], 20, False)]
    print(f"{name}: levels 20, 25 and 30 are {seen[:3]}, with exc_info=False {seen[3]}")
    assert seen == [6, notice, 4, without]

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
receiver.settimeout(5)
handler = GelfUdpHandler(*receiver.getsockname(), chunk_size=50)
handler.send(bytes(50 * 127))
first = receiver.recv(100)
assert first[11] == 127
try:
    handler.send(bytes(50 * 128))
except Exception as error:
    print(f"pygelf: 127 chunks are sent, 128 are {type(error).__name__}: {error}")
    assert type(error).__name__ == "error"
else:
    raise AssertionError("128 chunks were sent")
PYTHON
echo "as described"
