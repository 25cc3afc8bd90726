#!/usr/bin/env bash
# aiosyslog 0.2.1 (Python) gives each message of RFC 3164 the time at which it was loaded.
#
# Expected: TIMESTAMP is the local time at which the message is made (RFC 3164 sections 4.1.2 and 5.1); of `log` the argument `timestamp` may be
# left out.
# Seen: what stands for it is made once, with the function: messages of 10:00, of 11:30 and of the next day all say 10:00, when the module was
# loaded. With a time given they say that. The client for RFC 5424 of the same module says the right time. The fourth of March is `Mar 04`, where
# the RFC wants a blank in place of the zero.
#
# A service that runs for a week logs for a week at the moment of its start; a collector sorts it there, and an alarm for the last hour sees
# nothing.
#
# Usage: findings/aiosyslog-gives-each-message-the-time-at-which-it-was-loaded.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check aiosyslog==0.2.1

cat >messages.py <<'PYTHON'
import asyncio
import datetime
import socket


class Clock(datetime.datetime):
    time = datetime.datetime(2026, 3, 4, 10, 0, 0)

    @classmethod
    def now(cls, zone=None):
        return cls.time

    @classmethod
    def utcnow(cls):
        return cls.time


real, datetime.datetime = datetime.datetime, Clock
import aiosyslog  # noqa: E402

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
server.settimeout(5)


async def message(kind, **options):
    client = kind("127.0.0.1", server.getsockname()[1], proto="udp", clientname="host")
    await client.log("served", program="web", **options)
    return server.recv(2048).decode().strip()


given = {"timestamp": real(2026, 3, 5, 9, 15)}
for time, old, new in [
    (real(2026, 3, 4, 10, 0), "Mar 04 10:00:00", "2026-03-04T10:00:00Z"),
    (real(2026, 3, 4, 11, 30), "Mar 04 10:00:00", "2026-03-04T11:30:00Z"),
    (real(2026, 3, 5, 9, 15), "Mar 04 10:00:00", "2026-03-05T09:15:00Z"),
]:
    Clock.time = time
    first = asyncio.run(message(aiosyslog.SyslogClientRFC3164))
    second = asyncio.run(message(aiosyslog.SyslogClientRFC5424))
    print(f"at {time}: {first} / {second}")
    assert first == f"<14>{old} host web: served"
    assert second.startswith(f"<14>1 {new} host web ")
said = asyncio.run(message(aiosyslog.SyslogClientRFC3164, **given))
print(f"with a time: {said}")
assert said == "<14>Mar 05 09:15:00 host web: served"
PYTHON
python/bin/python messages.py
echo "as described"
