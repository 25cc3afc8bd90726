#!/usr/bin/env bash
# systemd-watchdog 1.0.1 (Python) does not tell systemd that the service lives while a clock that was set back comes to its old time again.
#
# Expected: a service that is watched is to call `sd_notify` each half of the time that `WATCHDOG_USEC` names (sd_watchdog_enabled(3)), and systemd
# measures that time by the monotonic clock. `ping()` is "the only method required for the simplest implementation" and to send "at reasonable
# intervals" (README).
# Seen: of a service that calls `ping()` each second, with a watchdog of ten seconds, systemd hears each five seconds. When the clock of the day is
# set back by an hour, it hears nothing for 3,605 seconds; when it is set back by 20 seconds, nothing for 25. The time of the last ping is kept by
# the clock of the day, and half of the interval is waited for from there. A clock that is set forward does no harm, and `notify()` always sends.
#
# systemd kills a healthy service when the clock is corrected, at first by NTP behind a start with a wrong clock, or of a virtual machine.
#
# Usage: findings/systemd-watchdog-falls-silent-for-an-hour-when-the-clock-is-set-back.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check systemd-watchdog==1.0.1

cat >silence.py <<'PYTHON'
import datetime
import os
import socket

from systemd_watchdog import WatchDog, systemd_watchdog

systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
systemd.bind("notify")
systemd.setblocking(False)
os.environ["NOTIFY_SOCKET"] = "notify"
os.environ["WATCHDOG_USEC"] = "10000000"


class Clock(datetime.datetime):
    """The clock of the day, which the test turns."""

    day = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)

    @classmethod
    def now(cls, tz=None):
        return cls.day


systemd_watchdog.datetime = Clock


def longest_silence(step):
    """How long systemd hears nothing at most, of two hours in which the clock is moved after a minute."""
    watchdog = WatchDog()
    heard = []
    for second in range(7200):
        if second == 60:
            Clock.day += datetime.timedelta(seconds=step)
        watchdog.ping()
        try:
            message = systemd.recv(100)
        except BlockingIOError:
            pass
        else:
            assert message == b"WATCHDOG=1\n"
            heard.append(second)
        Clock.day += datetime.timedelta(seconds=1)
    return max(later - earlier for earlier, later in zip(heard, heard[1:]))


for step, seen in [(0, 5), (3600, 5), (-20, 25), (-3600, 3605)]:
    silence = longest_silence(step)
    print(f"the clock is moved by {step} s: nothing is heard for {silence} s of the 10 s that are allowed")
    assert silence == seen
watchdog = WatchDog()
watchdog.ping()
assert systemd.recv(100) == b"WATCHDOG=1\n"
Clock.day -= datetime.timedelta(hours=1)
watchdog.notify()
assert systemd.recv(100) == b"WATCHDOG=1\n"
PYTHON
python/bin/python silence.py
echo "as described"
